import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { checkRunProbe } from '../resources/probes/check-run.js';
import { type HaproxyFacts, haproxyProbe } from '../resources/probes/haproxy.js';
import { type KeepalivedFacts, keepalivedProbe, type VrrpFacts } from '../resources/probes/keepalived.js';
import { holds, type InterfaceFacts, networkProbe } from '../resources/probes/network.js';
import { type ServiceFacts, serviceProbe } from '../resources/probes/service.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';
import { hostProblems } from './assess-hosts.js';
import { serverProblems, serverRows } from './assess-servers.js';
import { clusterState, switchoverNotices, vipProblems, vipRows } from './assess-vips.js';
import type { ClusterStatus, HostStatus, Problem } from './documents.js';

/** What one host answered, or why it could not be asked. */
export type Observation =
  | { readonly reachable: true; readonly facts: Facts }
  | { readonly reachable: false; readonly error: Diagnostic };

export type Observations = ReadonlyMap<string, Observation>;

/** The facts of one reachable host that the assessment works on; null is unknown. */
export interface HostView {
  readonly name: string;
  readonly reachable: boolean;
  readonly network: readonly InterfaceFacts[] | null;
  readonly haproxyService: ServiceFacts | null;
  readonly keepalivedService: ServiceFacts | null;
  readonly keepalived: KeepalivedFacts | null;
  readonly haproxy: HaproxyFacts | null;
  /** Undefined: unknown. */
  readonly check: string | null | undefined;
  readonly unknown: readonly string[];
}

export function statusProbes(cluster: Cluster): Probe<unknown>[] {
  return [
    networkProbe,
    serviceProbe('haproxy'),
    serviceProbe('keepalived'),
    keepalivedProbe,
    haproxyProbe(cluster.check.port),
    checkRunProbe(cluster.check.timeout),
  ];
}

/** Whether the pair serves, and whether it could take a failure right now. Pure. */
export function assess(cluster: Cluster, observations: Observations): ClusterStatus {
  const views = cluster.hosts.map((host) => viewOf(cluster, host.name, observations.get(host.name)));
  const vips = vipRows(cluster, views);
  const problems: Problem[] = [
    ...cluster.hosts.flatMap((host) => unreachable(host.name, observations.get(host.name))),
    ...vipProblems(cluster, views, vips),
    ...hostProblems(cluster, views),
    ...serverProblems(cluster, views, vips),
  ];
  return {
    name: cluster.name,
    state: clusterState(views, vips, problems),
    virtual_ips: vips,
    hosts: cluster.hosts.map((host) =>
      hostRow(
        cluster,
        host.address,
        views.find((it) => it.name === host.name),
      ),
    ),
    servers: serverRows(cluster, views),
    problems,
    notices: switchoverNotices(views),
  };
}

export function vrrpOf(view: HostView, instance: string): VrrpFacts | undefined {
  if (view.keepalived === null || !view.keepalived.running) return undefined;
  return view.keepalived.instances.find((it) => it.instance === instance);
}

export function viewHolds(view: HostView, address: string): boolean {
  return view.network !== null && holds(view.network, address);
}

function viewOf(cluster: Cluster, name: string, observation: Observation | undefined): HostView {
  const unknown: string[] = [];
  const facts = observation?.reachable === true ? observation.facts : null;
  const ask = <F>(probe: Probe<F>): F | undefined => {
    if (facts === null) return undefined;
    try {
      return facts.need(probe);
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      unknown.push(error.message);
      return undefined;
    }
  };
  return {
    name,
    reachable: facts !== null,
    network: ask(networkProbe) ?? null,
    haproxyService: ask(serviceProbe('haproxy')) ?? null,
    keepalivedService: ask(serviceProbe('keepalived')) ?? null,
    keepalived: ask(keepalivedProbe) ?? null,
    haproxy: ask(haproxyProbe(cluster.check.port)) ?? null,
    check: ask(checkRunProbe(cluster.check.timeout)),
    unknown,
  };
}

function unreachable(host: string, observation: Observation | undefined): Problem[] {
  if (observation === undefined || observation.reachable) return [];
  const { summary, hint } = observation.error;
  return [{ code: 'host_unreachable', message: hint === undefined ? summary : `${summary}; ${hint}`, host }];
}

function hostRow(cluster: Cluster, address: string, view: HostView | undefined): HostStatus {
  const instances = cluster.vrrpInstances.map((instance) => {
    const found = view === undefined ? undefined : vrrpOf(view, instance.name);
    return [
      instance.name,
      {
        state: found?.state ?? null,
        priority: found?.priority ?? instance.priority[view?.name ?? ''] ?? null,
        effective_priority: found?.effectivePriority ?? null,
      },
    ] as const;
  });
  return {
    name: view?.name ?? '',
    address,
    reachable: view?.reachable ?? false,
    haproxy: view?.haproxyService?.active ?? null,
    keepalived: view?.keepalivedService?.active ?? null,
    instances: Object.fromEntries(instances),
  };
}
