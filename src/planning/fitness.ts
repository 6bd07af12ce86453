import type { Cluster } from '../inventory/model.js';
import { haproxyProbe } from '../resources/probes/haproxy.js';
import { keepalivedProbe } from '../resources/probes/keepalived.js';
import { holds, networkProbe } from '../resources/probes/network.js';
import { serviceProbe } from '../resources/probes/service.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';

/** What has to be known of a host to say whether it could take the addresses over. */
export function fitnessProbes(cluster: Cluster): Probe<unknown>[] {
  return [networkProbe, keepalivedProbe, haproxyProbe(cluster.check.port), serviceProbe('haproxy')];
}

/**
 * What a host must be able to do while another one is changed. `serving`: its HAProxy serves, and that is all, since
 * its keepalived is stopped meanwhile in any case. `startable`: fit, or kept stopped until this plan starts it again.
 */
export type Fitness = 'fit' | 'startable' | 'serving';

/** Why a host could not take the addresses over; null where it could. What is not known does not count as fit. */
export function whyUnfit(cluster: Cluster, facts: Facts, wanted: Fitness = 'fit'): string | null {
  try {
    const haproxy = facts.need(haproxyProbe(cluster.check.port));
    if (!haproxy.serving) return `its HAProxy does not serve: ${haproxy.reason}`;
    return wanted === 'serving' ? null : whyNoBackup(facts, wanted);
  } catch (error) {
    if (error instanceof UnknownFact) return `not known: ${error.message}`;
    throw error;
  }
}

/** Judged by the file that keepalived runs by, which need not be the one that the inventory asks for. */
function whyNoBackup(facts: Facts, wanted: Fitness): string | null {
  const keepalived = facts.need(keepalivedProbe);
  if (!keepalived.running) return wanted === 'startable' ? null : 'keepalived does not run';
  if (keepalived.instances.length === 0) return 'keepalived runs without an instance';
  for (const { instance, state, duePriority, effectivePriority } of keepalived.instances) {
    if (state !== 'BACKUP' && state !== 'MASTER') return `${instance} is in state ${state}`;
    if (effectivePriority !== duePriority)
      return `${instance}'s effective priority is ${effectivePriority}, not ${duePriority}`;
  }
  return null;
}

export type FactsByHost = ReadonlyMap<string, Facts>;

/**
 * The hosts that serve the cluster's addresses now, by their interfaces. One whose keepalived does not run may have
 * been left with an address: it counts only while no other host holds one. Where nobody holds an address of the
 * inventory, whoever is MASTER of others (they are about to be replaced) is active.
 */
export function activeHosts(cluster: Cluster, facts: FactsByHost): Set<string> {
  const holders = [...facts].filter(([, it]) => holdsAny(cluster, it));
  const alive = holders.filter(([, it]) => known(() => it.need(keepalivedProbe).running) !== false);
  const masters = holders.length > 0 ? [] : [...facts].filter(([, it]) => isMaster(it));
  return new Set([...(alive.length > 0 ? alive : holders), ...masters].map(([host]) => host));
}

function holdsAny(cluster: Cluster, facts: Facts): boolean {
  const interfaces = known(() => facts.need(networkProbe)) ?? [];
  return cluster.vrrpInstances.some((it) =>
    it.virtualIpaddress.some((vip) => holds(interfaces, vip.address)),
  );
}

function isMaster(facts: Facts): boolean {
  const keepalived = known(() => facts.need(keepalivedProbe));
  return keepalived?.running === true && keepalived.instances.some((it) => it.state === 'MASTER');
}

function known<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (error instanceof UnknownFact) return null;
    throw error;
  }
}

export interface Peer {
  readonly host: string;
  /** Why it could not take over; null where it could. */
  readonly unfit: string | null;
}

/** An active host that is about to be changed while nobody could take its addresses over. */
export interface Risk {
  readonly host: string;
  readonly peers: readonly Peer[];
}

/**
 * The first of the hosts that are about to be changed at the same time which serves addresses that nobody else could
 * take over. A host that serves nothing has nothing to lose. null: go on.
 * @param facts of every host that was reached
 */
export function riskOf(
  cluster: Cluster,
  touched: readonly string[],
  facts: FactsByHost,
  wanted: Fitness,
): Risk | null {
  const active = activeHosts(cluster, facts);
  for (const host of touched) {
    const own = facts.get(host);
    if (own === undefined || !active.has(host) || servesNothing(own)) continue;
    const peers = cluster.hosts
      .filter(({ name }) => name !== host)
      .map(({ name }): Peer => {
        const found = facts.get(name);
        const unfit = found === undefined ? 'it is out of reach' : whyUnfit(cluster, found, wanted);
        const together = touched.includes(name) && unfit === null ? 'it is changed at the same time' : unfit;
        return { host: name, unfit: together };
      });
    if (peers.some((it) => it.unfit === null)) continue;
    return { host, peers };
  }
  return null;
}

function servesNothing(facts: Facts): boolean {
  const service = known(() => facts.need(serviceProbe('haproxy')));
  return service !== null && ['inactive', 'failed'].includes(service.active);
}
