import type { Diagnostic } from '../base/diagnostic.js';
import type { Secret } from '../base/secret.js';
import type { Cluster } from '../inventory/model.js';
import { buildResources, type HostResources } from '../planning/build-resources.js';
import { activeHosts, fitnessProbes } from '../planning/fitness.js';
import { planCluster } from '../planning/plan.js';
import type { ClusterPlan } from '../planning/types.js';
import type { Playbook } from '../playbook/model.js';
import { FLIP_MARK } from '../render/platform.js';
import { fileProbe } from '../resources/probes/file.js';
import { holds, networkProbe } from '../resources/probes/network.js';
import { roomProbe } from '../resources/probes/room.js';
import { throughVipProbe, verifyTargets } from '../resources/probes/through-vip.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';
import type { Transport } from '../transport/types.js';
import { type Observations, statusProbes } from './assess.js';
import { type Connected, connectAll } from './connect.js';
import type { ChangeSummary, Emit } from './events.js';
import { type Adverts, lookBeforeFirstStart } from './first-start.js';
import { askFormerMembers, type FormerMember } from './former-members.js';
import { withFormer } from './former-rules.js';
import { type Asked, groundProblems } from './ground.js';
import { isAlive, lastOwnerProbe, lockProbe } from './lock-look.js';
import type { ObserveOptions } from './observe.js';
import { observeAll } from './observe-cluster.js';

export interface ClusterInput {
  readonly cluster: Cluster;
  readonly playbook: Playbook;
  readonly authPass: ReadonlyMap<string, Secret>;
  readonly transport: Transport;
  readonly emit: Emit;
  /** Hosts that may be changed; null: all. */
  readonly limit: ReadonlySet<string> | null;
  readonly force: boolean;
  readonly signal: AbortSignal;
  /** Seconds for one remote step (`--timeout`); null: each step's own. */
  readonly stepLimit: number | null;
}

export interface Prepared {
  readonly connected: Connected;
  readonly resources: readonly HostResources[];
  readonly observations: Observations;
  /** When the hosts were asked; milliseconds, `Date.now()`. */
  readonly asked: number;
  /** What the hosts differ in, whatever else may stand against changing it; null where they were not reached. */
  readonly made: ClusterPlan | null;
  /** null where a host that has to be reached was not. */
  readonly plan: ClusterPlan | null;
  /** What hosts hear on the network before a first start: some seconds, so awaited only before keepalived starts. */
  readonly listening: Promise<readonly Diagnostic[]> | null;
  /** Whether the hosts hear each other's adverts, to be asked before keepalived starts for the first time. */
  readonly adverts: Adverts | null;
  readonly unreachable: readonly Diagnostic[];
  /** Hosts that the cluster remembers and the inventory no longer has. */
  readonly former: readonly FormerMember[];
}

/** Connects, learns everything in one round trip a host, and compares. Changes nothing. */
export async function prepare(input: ClusterInput): Promise<Prepared> {
  const { cluster, emit } = input;
  emit({ event: 'phase', cluster: cluster.name, phase: 'connect', state: 'started' });
  const connected = await connectAll(cluster, input.transport, input.signal);
  const reached = connected.failures.size === 0;
  emit({ event: 'phase', cluster: cluster.name, phase: 'connect', state: reached ? 'done' : 'failed' });
  const asking = buildResources(input.playbook, cluster, input.authPass);
  emit({ event: 'phase', cluster: cluster.name, phase: 'observe', state: 'started' });
  const asked = Date.now();
  const observations = await observeAll(
    connected,
    (host) => allProbes(cluster, asking, host),
    observeOptions(input),
  );
  const unreachable = unreachableHosts(observations);
  emit({
    event: 'phase',
    cluster: cluster.name,
    phase: 'observe',
    state: unreachable.length === 0 ? 'done' : 'failed',
  });
  const limit = input.limit ?? new Set(cluster.hosts.map((host) => host.name));
  const blocking = unreachable.filter(
    (it) => (input.limit === null && !input.force) || limit.has(it.host ?? ''),
  );
  const former = await askFormerMembers(cluster, reachableFacts(observations), input.transport);
  for (const { said } of former) if (said !== null) emit({ event: 'diagnostic', diagnostic: said });
  const forgotten = new Set(former.filter((it) => it.gone).map((it) => it.address));
  const resources = buildResources(input.playbook, cluster, input.authPass, forgotten);
  const made = blocking.length > 0 ? null : makePlan(input, resources, observations);
  const plan =
    made === null
      ? null
      : withGround(input, withFormer(cluster, made, former, input), observations, {
          asked,
          answered: Date.now(),
        });
  const first =
    plan === null
      ? null
      : await lookBeforeFirstStart({ ...input, former }, connected, reachableFacts(observations), plan);
  return {
    connected,
    resources,
    observations,
    asked,
    made,
    plan: first?.plan ?? null,
    listening: first?.listening ?? null,
    adverts: first?.adverts ?? null,
    unreachable,
    former,
  };
}

/** An error plan where a host lacks what the change needs. */
function withGround(
  input: ClusterInput,
  plan: ClusterPlan,
  observations: Observations,
  asked: Asked,
): ClusterPlan {
  if (plan.status !== 'changes') return plan;
  const found = groundProblems(input.cluster, plan, reachableFacts(observations), asked);
  const problems = [...plan.problems, ...found];
  return found.some((it) => it.severity === 'error')
    ? { ...plan, status: 'error', batches: [], problems }
    : { ...plan, problems };
}

/** A run ended without a word and left its lock: what it did not get to at its end is to be done, even if nothing differs. */
export function unfinishedRun(observations: Observations): boolean {
  return [...reachableFacts(observations).values()].some((facts) => {
    const lock = facts.need(lockProbe);
    return lock !== null && !isAlive(lock);
  });
}

export function observeOptions({
  signal,
  stepLimit,
}: Pick<ClusterInput, 'signal' | 'stepLimit'>): ObserveOptions {
  return { signal, ...(stepLimit === null ? {} : { limit: stepLimit }) };
}

/** Everything that a run asks a host: what resources compare, what the assessment and the verification need. */
export function allProbes(
  cluster: Cluster,
  resources: readonly HostResources[],
  host: string,
): Probe<unknown>[] {
  return [
    ...statusProbes(cluster),
    throughVipProbe(verifyTargets(cluster)),
    ...planProbes(cluster, resources, host),
    // In this order: whoever takes the lock between the two is seen at work by the second.
    lastOwnerProbe,
    lockProbe,
    roomProbe,
  ];
}

/** What a plan alone needs: nothing that waits for an answer through an address that nobody may hold yet. */
export function planProbes(
  cluster: Cluster,
  resources: readonly HostResources[],
  host: string,
): Probe<unknown>[] {
  const own = resources.find((it) => it.host.name === host);
  return [
    ...fitnessProbes(cluster),
    // Whether a change that hosts make together was left half done.
    fileProbe(FLIP_MARK),
    ...(own?.plays ?? []).flat().flatMap(({ resource }) => resource.probes),
  ];
}

export function makePlan(
  input: ClusterInput,
  resources: readonly HostResources[],
  observations: Observations,
): ClusterPlan {
  const facts = reachableFacts(observations);
  return planCluster({
    cluster: input.cluster,
    playbook: input.playbook,
    resources,
    facts,
    holders: activeHosts(input.cluster, facts),
    limit: input.limit ?? new Set(facts.keys()),
  });
}

export function reachableFacts(observations: Observations): Map<string, Facts> {
  return new Map(
    [...observations].flatMap(([host, it]) => (it.reachable ? [[host, it.facts] as const] : [])),
  );
}

function unreachableHosts(observations: Observations): Diagnostic[] {
  return [...observations.values()].flatMap((it) => (it.reachable ? [] : [it.error]));
}

/** The cluster's virtual addresses that a host holds; none where its interfaces are unknown (the plan says so). */
export function heldBy(cluster: Cluster, facts: Facts): Set<string> {
  try {
    const interfaces = facts.need(networkProbe);
    const addresses = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
    return new Set(addresses.filter((address) => holds(interfaces, address)));
  } catch (error) {
    if (error instanceof UnknownFact) return new Set();
    throw error;
  }
}

export function summarize(plan: ClusterPlan): ChangeSummary[] {
  return plan.changes.map(({ host, change, class: kind, interruption }) => ({
    host,
    resource: change.resource,
    verb: change.verb,
    reason: change.reason,
    diff: change.diff,
    class: kind,
    interruption,
  }));
}
