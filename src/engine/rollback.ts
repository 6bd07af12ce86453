import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT } from '../base/exit-codes.js';
import type { Cluster } from '../inventory/model.js';
import type { HostResources } from '../planning/build-resources.js';
import { activeHosts } from '../planning/fitness.js';
import { planCluster } from '../planning/plan.js';
import { restorePlays } from '../planning/restore.js';
import type { ClusterPlan } from '../planning/types.js';
import type { Playbook } from '../playbook/model.js';
import type { Transport } from '../transport/types.js';
import { applyPlan, batchesContext, type Job } from './apply.js';
import { problemsBefore, standingOf } from './before.js';
import { type Connected, closeAll, connectAll } from './connect.js';
import { finish } from './finish.js';
import { Guard } from './guard.js';
import { type Locked, type LockInput, lockFor, nextNumber } from './lock-for.js';
import { presentCluster, rememberScript } from './model-file.js';
import { observeAll } from './observe-cluster.js';
import { allProbes, planProbes, reachableFacts, summarize } from './prepare.js';
import { type ClusterResult, Recap } from './recap.js';
import { type KeptCluster, readKept } from './roll-back.js';
import { pickTarget } from './rollback-target.js';
import { type Verdict, type VerifyOptions, verify } from './verify.js';

export interface RollbackInput extends LockInput {
  readonly transport: Transport;
  /** Hosts that may be changed; null: all. */
  readonly limit: ReadonlySet<string> | null;
  readonly force: boolean;
  readonly showDiff: boolean;
  /** Seconds; null: each step's own. */
  readonly stepLimit: number | null;
  /** The run before which everything is to be as it was; null: the last one. */
  readonly to: number | null;
  readonly onFailure: Job['onFailure'];
}

/** Brings a cluster back to what it was before a run, by the same plan, gates and verification as forward. */
export async function rollbackCluster(input: RollbackInput): Promise<ClusterResult> {
  const { cluster, emit } = input;
  const recap = new Recap(input);
  emit({ event: 'phase', cluster: cluster.name, phase: 'connect', state: 'started' });
  const connected = await connectAll(cluster, input.transport, input.signal);
  emit({
    event: 'phase',
    cluster: cluster.name,
    phase: 'connect',
    state: connected.failures.size === 0 ? 'done' : 'failed',
  });
  try {
    if (input.signal.aborted) return recap.end(EXIT.interrupted, null, 'interrupted; nothing was changed');
    for (const error of connected.failures.values()) recap.unreachable(error);
    const blocking = [...connected.failures.keys()].filter(
      (host) => (input.limit === null && !input.force) || input.limit?.has(host) === true,
    );
    if (blocking.length > 0)
      return recap.end(EXIT.unreachable, null, 'a host is out of reach; nothing was changed');
    const locked = await lockFor(input, connected, (host) => allProbes(cluster, [], host));
    if (!locked.ok) {
      recap.diagnose(locked.error);
      return recap.end(EXIT[locked.why], null, `${locked.error.summary}; nothing was changed`);
    }
    try {
      return await rollbackLocked(input, connected, locked, recap);
    } finally {
      await locked.lock.release();
    }
  } finally {
    closeAll(connected);
  }
}

async function rollbackLocked(
  input: RollbackInput,
  connected: Connected,
  locked: Locked,
  recap: Recap,
): Promise<ClusterResult> {
  const refuse = (problems: readonly Diagnostic[]) => {
    for (const it of problems) recap.diagnose({ ...it, cluster: input.cluster.name });
    return recap.end(EXIT.failed, null, `${problems[0]?.summary ?? 'refused'}; nothing was changed`);
  };
  const number = nextNumber(input.cluster, locked.observations);
  if (typeof number !== 'number') return refuse([number]);
  const target = pickTarget(locked.observations, input.to);
  if (typeof target !== 'number') return refuse([target]);
  const kept = await readKept(input.cluster, connected, { by: 'since', number: target });
  const problems = [...kept.problems, ...joinedLater(kept, target, input)];
  if (problems.length > 0) return refuse(problems);

  const goal = goalOf(input, kept, target);
  const { cluster } = goal;
  const look = async () => {
    const observations = await observeAll(connected, (host) => planProbes(cluster, goal.resources, host));
    return { observations, plan: planOf(goal, input, reachableFacts(observations)) };
  };
  const { observations, plan } = await look();
  if (plan.status === 'error') return refuse(plan.problems.filter((it) => it.severity === 'error'));
  input.emit({ event: 'plan', cluster: cluster.name, changes: summarize(plan) });
  const verified = (options: VerifyOptions = {}) => verifyPhase(cluster, connected, input, options);
  if (plan.status === 'noop') return finish(input, await verified(), recap);

  const owner = { ...locked.owner, number };
  const present = presentCluster(input.cluster, locked.observations);
  const standing = standingOf(cluster, present, observations);
  const job: Job = {
    owner,
    cluster,
    resources: goal.resources,
    broken: standing.broken,
    before: problemsBefore(input.cluster, present, locked.observations),
    onFailure: input.onFailure,
    context: batchesContext(owner, {
      ...input,
      ...standing,
      cluster,
      plan,
      resources: goal.resources,
      connected,
      listening: null,
      interrupted: input.signal,
      guard: new Guard({ ...input, cluster, connected, observations }),
    }),
    replan: async () => (await look()).plan,
    verify: verified,
  };
  const applied = await applyPlan(job, plan, recap);
  if (!applied.ok) return recap.end(applied.exit, applied.verdict?.status.state ?? null, applied.message);
  locked.lock.lastly(rememberScript(cluster, number));
  return finish(input, applied.verdict, recap, applied.note);
}

interface Goal {
  /** As it was then. */
  readonly cluster: Cluster;
  readonly playbook: Playbook;
  readonly resources: readonly HostResources[];
}

function goalOf(input: RollbackInput, { past }: KeptCluster, number: number): Goal {
  const cluster = past ?? input.cluster;
  const query = { by: 'since', number } as const;
  return { cluster, ...restorePlays(cluster.hosts, { query, goal: 'serving', gated: true }) };
}

function planOf(
  { cluster, playbook, resources }: Goal,
  { limit }: RollbackInput,
  facts: ReturnType<typeof reachableFacts>,
): ClusterPlan {
  const holders = activeHosts(cluster, facts);
  return planCluster({ cluster, playbook, resources, facts, holders, limit: limit ?? new Set(facts.keys()) });
}

/** A host that had no lbctl then has nothing to go back to. */
function joinedLater({ before }: KeptCluster, number: number, { limit }: RollbackInput): Diagnostic[] {
  return before
    .filter((host) => limit === null || limit.has(host))
    .map((host) => ({
      severity: 'error',
      code: 'joined-later',
      summary: `${host} was not part of the cluster before run ${number}: there is nothing to go back to`,
      hint: 'leave it out with `--limit`, or go back to a later generation: `lbctl history` lists them',
      host,
    }));
}

async function verifyPhase(
  cluster: Cluster,
  connected: Connected,
  input: RollbackInput,
  options: VerifyOptions,
): Promise<Verdict> {
  const phase = (state: 'started' | 'done' | 'failed') =>
    input.emit({ event: 'phase', cluster: cluster.name, phase: 'verify', state });
  phase('started');
  const seen = await verify(cluster, connected, input.signal, options);
  phase(seen.status.state === 'healthy' ? 'done' : 'failed');
  return seen;
}
