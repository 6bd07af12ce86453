import { randomBytes } from 'node:crypto';
import { EXIT } from '../base/exit-codes.js';
import type { ClusterPlan } from '../planning/types.js';
import { lockPatiently } from './cluster-lock.js';
import { closeAll } from './connect.js';
import type { ClusterStatus } from './documents.js';
import { executeBatch } from './execute.js';
import { startsKeepalived } from './first-start.js';
import { keepScript, keepsOf } from './generations.js';
import { Guard } from './guard.js';
import { oneHolderPerVip } from './one-holder.js';
import {
  type ClusterInput,
  heldBy,
  makePlan,
  type Prepared,
  planProbes,
  prepare,
  reachableFacts,
  summarize,
} from './prepare.js';
import { type ClusterResult, Recap } from './recap.js';
import { judgeVerification, type Verdict, verify } from './verify.js';

export interface ConvergeInput extends ClusterInput {
  /** user@machine */
  readonly who: string;
  /** As the user typed it, without secrets. */
  readonly command: string;
  readonly showDiff: boolean;
  /** Seconds to wait for somebody else's lock. */
  readonly lockWait: number;
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
  if (prepared.plan.status === 'noop') {
    const verdict = judgeVerification(cluster, prepared.observations);
    if (verdict.status.state === 'healthy') return finish(input, verdict, recap);
    return finish(input, await verifyPhase(input, prepared), recap);
  }

  emit({ event: 'phase', cluster: cluster.name, phase: 'lock', state: 'started' });
  const token = randomBytes(12).toString('hex');
  const since = new Date().toISOString();
  const owner = { token, who: input.who, command: input.command, since };
  const probes = (host: string) => planProbes(cluster, prepared.resources, host);
  const patience = { seconds: input.lockWait, signal: input.signal };
  const locked = await lockPatiently(cluster, prepared.connected.sessions, owner, probes, patience);
  emit({ event: 'phase', cluster: cluster.name, phase: 'lock', state: locked.ok ? 'done' : 'failed' });
  if (!locked.ok) {
    recap.diagnose(locked.error);
    return recap.end(EXIT[locked.why], null, `${locked.error.summary}; nothing was changed`);
  }
  try {
    // The pair may have changed between the first look and the lock: only what is seen under the lock counts.
    const plan = makePlan(input, prepared.resources, locked.observations);
    const late = refused(plan, recap);
    if (late !== null) return late;
    return await apply(
      input,
      prepared,
      plan,
      { token, since, held: heldNow(input, locked.observations), observations: locked.observations },
      recap,
    );
  } finally {
    await locked.lock.release();
  }
}

function heldNow(input: ConvergeInput, observations: Prepared['observations']): ReadonlySet<string> {
  return new Set([...reachableFacts(observations).values()].flatMap((it) => [...heldBy(input.cluster, it)]));
}

function refused(plan: ClusterPlan, recap: Recap): ClusterResult | null {
  for (const problem of plan.problems) recap.diagnose(problem);
  return plan.status === 'error' ? recap.end(EXIT.failed, null, 'refused; nothing was changed') : null;
}

interface Applying {
  readonly token: string;
  readonly since: string;
  /** Virtual addresses that were held when the run began: they must be held after every batch. */
  readonly held: ReadonlySet<string>;
  /** What was seen under the lock. */
  readonly observations: Prepared['observations'];
}

async function apply(
  input: ConvergeInput,
  prepared: Prepared,
  plan: ClusterPlan,
  { token, since, held, observations }: Applying,
  recap: Recap,
): Promise<ClusterResult> {
  const { cluster, emit } = input;
  const phase = (state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: cluster.name, phase: 'apply', state });
  phase('started');
  const context = {
    cluster,
    resources: prepared.resources,
    sessions: prepared.connected.sessions,
    token,
    keep: (host: string) =>
      keepScript({ who: input.who, command: input.command, when: since }, keepsOf(prepared.resources, host)),
    kept: new Set<string>(),
    emit,
    interrupted: input.signal,
    showDiff: input.showDiff,
    stepLimit: input.stepLimit,
    alsoAsk: [],
  };
  const { connected } = prepared;
  const guard = new Guard({ ...input, connected, observations });
  for (const [index, batch] of plan.batches.entries()) {
    const left = plan.batches.slice(index + 1);
    if (input.signal.aborted) {
      phase('failed');
      recap.notRun(plan.batches.slice(index));
      return recap.end(EXIT.interrupted, null, 'interrupted');
    }
    const unheard = startsKeepalived(batch) ? await heardRefusal(prepared, recap) : false;
    if (unheard) {
      phase('failed');
      recap.notRun(plan.batches.slice(index));
      return recap.end(
        EXIT.failed,
        null,
        'refused before keepalived was started; what was done before stays',
      );
    }
    const risk = await guard.before(batch);
    if (risk !== null) {
      phase('failed');
      recap.diagnose(risk);
      recap.notRun(plan.batches.slice(index));
      return recap.end(EXIT.failed, null, `refused: ${risk.summary}`);
    }
    const results = await executeBatch(batch, { ...context, alsoAsk: guard.asks(left) });
    for (const result of results) {
      recap.took(result);
      guard.saw(result.host, result.facts);
    }
    const failed = results.some((it) => it.error !== null);
    if (failed || results.some((it) => it.stopped)) {
      phase('failed');
      recap.notRun(left);
      const code = failed ? EXIT.failed : EXIT.interrupted;
      return recap.end(
        code,
        null,
        failed ? 'a step failed; what comes after it was not begun' : 'interrupted',
      );
    }
    if (batch.gates.includes('one-holder-per-vip')) {
      const problem = await oneHolderPerVip(cluster, prepared.connected, held, emit);
      if (problem !== null) {
        phase('failed');
        recap.diagnose(problem);
        recap.notRun(left);
        return recap.end(EXIT.failed, null, problem.summary);
      }
    }
  }
  phase('done');
  return finish(input, await verifyPhase(input, prepared), recap);
}

/** Waits for what was heard on the network; true where it forbids the start. */
async function heardRefusal(prepared: Prepared, recap: Recap): Promise<boolean> {
  const heard = prepared.listening === null ? [] : await prepared.listening;
  for (const problem of heard) recap.diagnose(problem);
  return heard.some((it) => it.severity === 'error');
}

async function verifyPhase(input: ConvergeInput, prepared: Prepared): Promise<Verdict> {
  const { cluster, emit } = input;
  emit({ event: 'phase', cluster: cluster.name, phase: 'verify', state: 'started' });
  const seen = await verify(cluster, prepared.connected, prepared.resources, input.signal);
  emit({
    event: 'phase',
    cluster: cluster.name,
    phase: 'verify',
    state: seen.status.state === 'healthy' ? 'done' : 'failed',
  });
  return seen;
}

/** What the verification found decides: an unhealthy pair is exit 5, whatever the run did. */
function finish(input: ConvergeInput, verdict: Verdict, recap: Recap): ClusterResult {
  const { cluster, emit } = input;
  const { state } = verdict.status;
  for (const message of proofLines(verdict.status, verdict.proof)) {
    emit({ event: 'notice', cluster: cluster.name, host: null, message });
  }
  for (const problem of verdict.status.problems) {
    recap.diagnose({
      severity: 'error',
      code: problem.code,
      summary: problem.message,
      cluster: cluster.name,
      ...(problem.host === null ? {} : { host: problem.host }),
    });
  }
  if (state === 'healthy') return recap.end(EXIT.ok, state, null);
  const unreachable = verdict.status.problems.some((it) => it.code === 'host_unreachable');
  return recap.end(
    unreachable ? EXIT.unreachable : EXIT.unhealthy,
    state,
    `the pair is ${state} after the run: \`lbctl status\` shows it`,
  );
}

function proofLines(status: ClusterStatus, proof: readonly string[]): string[] {
  const holders = status.virtual_ips
    .filter((vip) => vip.holders.length === 1)
    .map((vip) => `${vip.address} is held by ${vip.holders[0]} alone`);
  return [...holders, ...proof];
}
