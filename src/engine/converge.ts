import { EXIT } from '../base/exit-codes.js';
import type { ClusterPlan } from '../planning/types.js';
import { applyPlan, batchesContext, type Job } from './apply.js';
import { problemsBefore, standingOf } from './before.js';
import { closeAll } from './connect.js';
import { finish } from './finish.js';
import { withFormer } from './former-rules.js';
import { Guard } from './guard.js';
import { type Locked, type LockInput, lockFor, nextNumber } from './lock-for.js';
import { presentCluster, rememberScript } from './model-file.js';
import { observeAll } from './observe-cluster.js';
import { outbidFormer } from './outbid.js';
import {
  type ClusterInput,
  makePlan,
  observeOptions,
  type Prepared,
  planProbes,
  prepare,
  reachableFacts,
  summarize,
  unfinishedRun,
} from './prepare.js';
import { type ClusterResult, Recap } from './recap.js';
import { judgeVerification, type Verdict, type VerifyOptions, verify } from './verify.js';

export interface ConvergeInput extends ClusterInput, LockInput {
  readonly showDiff: boolean;
  /** What becomes of the hosts that a failed run changed. */
  readonly onFailure: Job['onFailure'];
}

/** Brings one cluster to what the inventory says, and proves it. Never throws for what a user can mend. */
export async function convergeCluster(input: ConvergeInput): Promise<ClusterResult> {
  const recap = new Recap(input);
  const prepared = await prepare(input);
  try {
    return await converge(input, prepared, recap);
  } finally {
    closeAll(prepared.connected);
  }
}

async function converge(input: ConvergeInput, prepared: Prepared, recap: Recap): Promise<ClusterResult> {
  const { cluster, emit } = input;
  if (input.signal.aborted) return recap.end(EXIT.interrupted, null, 'interrupted; nothing was changed');
  for (const error of prepared.unreachable) recap.unreachable(error);
  if (prepared.plan === null)
    return recap.end(EXIT.unreachable, null, 'a host is out of reach; nothing was changed');
  const refusal = refused(prepared.plan, recap);
  if (refusal !== null) return refusal;
  emit({ event: 'plan', cluster: cluster.name, changes: summarize(prepared.plan) });
  if (prepared.plan.status === 'noop' && !unfinishedRun(prepared.observations)) {
    const verdict = judgeVerification(cluster, prepared.observations);
    if (verdict.status.state === 'healthy') return finish(input, verdict, recap);
    return finish(input, await verifyPhase(input, prepared), recap);
  }

  const locked = await lockFor(
    input,
    prepared.connected,
    (host) => planProbes(cluster, prepared.resources, host),
    prepared,
  );
  if (!locked.ok) {
    recap.diagnose(locked.error);
    return recap.end(EXIT[locked.why], null, `${locked.error.summary}; nothing was changed`);
  }
  try {
    // The pair may have changed between the first look and the lock: only what is seen under the lock counts.
    const seen = locked.asSeen ? prepared.made : null;
    const plan = seen ?? makePlan(input, prepared.resources, locked.observations);
    const late = refused(withFormer(cluster, plan, prepared.former, input), recap);
    if (late !== null) return late;
    const numbered = nextNumber(cluster, locked.observations);
    if (typeof numbered !== 'number') {
      recap.diagnose(numbered);
      return recap.end(EXIT.failed, null, `${numbered.summary}; nothing was changed`);
    }
    const applied = await applyPlan(
      jobOf(input, prepared, plan, { ...locked, number: numbered, recap }),
      plan,
      recap,
    );
    if (applied.ok) locked.lock.lastly(rememberScript(cluster, numbered));
    return applied.ok
      ? finish(input, applied.verdict, recap, applied.note)
      : recap.end(applied.exit, applied.verdict?.status.state ?? null, applied.message);
  } finally {
    // Nothing that was begun on a host outlives the run.
    await prepared.adverts?.ended();
    await locked.lock.release();
  }
}

function jobOf(
  input: ConvergeInput,
  prepared: Prepared,
  plan: ClusterPlan,
  { owner, observations, number, recap }: Locked & { readonly number: number; readonly recap: Recap },
): Job {
  const { cluster } = input;
  const { connected, resources, listening, adverts } = prepared;
  const numbered = { ...owner, number };
  const present = presentCluster(cluster, observations);
  const standing = standingOf(cluster, present, observations);
  const context = batchesContext(numbered, {
    ...input,
    ...standing,
    plan,
    resources,
    connected,
    listening,
    adverts,
    interrupted: input.signal,
    seen: reachableFacts(observations),
    guard: new Guard({ ...input, connected, observations }),
  });
  return {
    owner: numbered,
    cluster,
    resources,
    context,
    broken: standing.broken,
    before: problemsBefore(cluster, present, prepared.observations),
    onFailure: input.onFailure,
    replan: async () =>
      makePlan(
        input,
        resources,
        await observeAll(connected, (host) => planProbes(cluster, resources, host), observeOptions(input)),
      ),
    verify: async (options) => {
      const moving = { cluster, connected, token: numbered.token, signal: input.signal };
      await outbidFormer(prepared.former, moving, recap);
      return verifyPhase(input, prepared, options);
    },
  };
}

function refused(plan: ClusterPlan, recap: Recap): ClusterResult | null {
  for (const problem of plan.problems) recap.diagnose(problem);
  return plan.status === 'error' ? recap.end(EXIT.failed, null, 'refused; nothing was changed') : null;
}

async function verifyPhase(
  input: ConvergeInput,
  prepared: Prepared,
  options: VerifyOptions = {},
): Promise<Verdict> {
  const { cluster, emit } = input;
  emit({ event: 'phase', cluster: cluster.name, phase: 'verify', state: 'started' });
  const seen = await verify(cluster, prepared.connected, input.signal, options);
  emit({
    event: 'phase',
    cluster: cluster.name,
    phase: 'verify',
    state: seen.status.state === 'healthy' ? 'done' : 'failed',
  });
  return seen;
}
