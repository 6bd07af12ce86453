import type { Cluster } from '../inventory/model.js';
import { activeHosts } from '../planning/fitness.js';
import { haproxyProbe } from '../resources/probes/haproxy.js';
import { isRunning, serviceProbe } from '../resources/probes/service.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import type { Observations } from './assess.js';
import type { ClusterStatus, Problem } from './documents.js';
import { heldBy, reachableFacts } from './prepare.js';
import { judgeVerification } from './verify.js';

/** How a pair stood when a run began. */
export interface Standing {
  /** Virtual addresses that were held: those of the inventory, and those that the pair had until now. */
  readonly held: ReadonlySet<string>;
  /** Why clients were not served, as the end of "before the run …"; null: they were. */
  readonly broken: string | null;
}

/**
 * @param present what the pair was until now (`presentCluster`): the addresses that a change replaces are in it alone
 * @param observations with what `fitnessProbes` ask
 */
export function standingOf(cluster: Cluster, present: Cluster | null, observations: Observations): Standing {
  const vrrpInstances = [...(present?.vrrpInstances ?? []), ...cluster.vrrpInstances];
  const ever = { ...cluster, vrrpInstances };
  const facts = reachableFacts(observations);
  const active = [...activeHosts(ever, facts)].flatMap((host) => {
    const own = facts.get(host);
    return own === undefined ? [] : [{ host, own, held: heldBy(ever, own) }];
  });
  const held = new Set([...facts.values()].flatMap((own) => [...heldBy(ever, own)]));
  if (active.length === 0) return { held, broken: 'no host held a virtual address: nobody was served' };
  const serving = active.filter(({ own }) => servesAtAll(cluster, own));
  if (serving.length === 0) {
    const names = active.map(({ host }) => host).join(' and ');
    return { held, broken: `HAProxy did not serve on ${names}: the pair was broken` };
  }
  const shared = [...held].filter((address) => active.filter((it) => it.held.has(address)).length > 1);
  // An address that one host holds alone is served; so is one that nobody has told us of.
  const sound = serving.some((it) => it.held.size === 0 || [...it.held].some((one) => !shared.includes(one)));
  if (sound) return { held, broken: null };
  const holders = active.filter((it) => shared.some((address) => it.held.has(address)));
  const names = holders.map(({ host }) => host).join(' and ');
  return { held, broken: `${names} both held ${shared.join(', ')}: the pair was broken` };
}

/** A pair that was made by hand has no monitor to ask: there systemd's word is all there is. */
function servesAtAll(cluster: Cluster, facts: Facts): boolean {
  try {
    const running = isRunning(facts.need(serviceProbe('haproxy')));
    return running && !facts.need(haproxyProbe(cluster.check.port)).hung;
  } catch (error) {
    // A playbook of somebody's own need not ask for it.
    if (error instanceof UnknownFact) return true;
    throw error;
  }
}

/**
 * What was wrong with the pair before a run, by what it was then: an address or a frontend that the run is about to add
 * did not answer, of course, and that excuses nothing.
 * @param observations with what `allProbes` ask for the inventory's cluster
 */
export function problemsBefore(
  cluster: Cluster,
  present: Cluster | null,
  observations: Observations,
): readonly Problem[] {
  return judgeVerification(present ?? cluster, observations, cluster).status.problems;
}

/** Whether a pair is no worse than it was: a peer that was dead, a server that was down; going back would mend neither. */
export function nothingNew(before: readonly Problem[], { problems }: ClusterStatus): boolean {
  return problems.every((it) => before.some((old) => covers(old, it)));
}

const SERVERS = ['server_down', 'no_server_up'];

/** Whether a problem was there already, maybe in other words or worse. */
function covers(old: Problem, now: Problem): boolean {
  if (SERVERS.includes(now.code) && SERVERS.includes(old.code)) {
    if (old.host !== now.host || (now.code === 'no_server_up' && old.code !== now.code)) return false;
    const known = serversIn(old);
    return serversIn(now).every((server) => known.includes(server));
  }
  if (old.code !== now.code) return false;
  // Why a host cannot be reached is told in many ways.
  if (now.code === 'host_unreachable') return old.host === now.host;
  if (now.code === 'no_answer') return withoutAsker(old) === withoutAsker(now);
  return old.host === now.host && old.message === now.message;
}

/** The backend and each of its servers that is down, without what the checks say of it at the moment. */
function serversIn({ message }: Problem): string[] {
  const backend = /backend (\S+?)(?::| is up)/.exec(message)?.[1] ?? '';
  return [...message.matchAll(/(\S+ \([^)]*\))/g)].map(([, server = '']) => `${backend} ${server}`);
}

/** Who asked depends on who holds the address. */
function withoutAsker({ message, host }: Problem): string {
  return host === null ? message : message.replace(` ${host}`, '');
}
