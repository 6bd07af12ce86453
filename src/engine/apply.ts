import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT, type ExitCode } from '../base/exit-codes.js';
import type { Cluster } from '../inventory/model.js';
import type { HostResources } from '../planning/build-resources.js';
import type { ClusterPlan } from '../planning/types.js';
import type { Facts } from '../resources/types.js';
import { nothingNew } from './before.js';
import { comeBack } from './come-back.js';
import { confirmAll, confirmed, confirmScript } from './confirm.js';
import type { Problem } from './documents.js';
import { tellProblems } from './finish.js';
import { beginScript, keepScript, keepsOf } from './generations.js';
import { type KnownStates, knownStates, NOTHING_KNOWN } from './known-states.js';
import type { Recap } from './recap.js';
import { REVERT_AFTER } from './revert.js';
import { rollBack } from './roll-back.js';
import { type BatchesContext, type Outcome, runBatches, takeCharge } from './run-batches.js';
import type { RunOwner } from './run-owner.js';
import type { Verdict, VerifyOptions } from './verify.js';

/** How often a run goes on after a connection was lost in the middle of a change. */
const COME_BACKS = 3;

/** One plan about to be carried out, with everything that is needed on the way. */
export interface Job {
  readonly owner: RunOwner;
  /** As it is going to be: what gates and verification go by. */
  readonly cluster: Cluster;
  readonly resources: readonly HostResources[];
  readonly context: BatchesContext;
  /** What is left to do, by a fresh look under the lock. */
  readonly replan: () => Promise<ClusterPlan>;
  readonly verify: (options: VerifyOptions) => Promise<Verdict>;
  readonly onFailure: 'roll-back' | 'stop';
  /** Why clients were not served when the run began; null: they were. What was broken before is not gone back to. */
  readonly broken: string | null;
  /** What was wrong with the pair before: a run that leaves it so has not caused it. */
  readonly before: readonly Problem[];
}

export type Applied =
  | {
      readonly ok: true;
      readonly verdict: Verdict;
      /** Why an unhealthy pair was left as the run made it. */
      readonly note: string | null;
    }
  | {
      readonly ok: false;
      readonly exit: ExitCode;
      readonly message: string;
      readonly verdict: Verdict | null;
    };

/** What `runBatches` needs for a run of that number. */
export function batchesContext(
  owner: RunOwner,
  input: Pick<
    BatchesContext,
    | 'cluster'
    | 'resources'
    | 'connected'
    | 'held'
    | 'listening'
    | 'adverts'
    | 'emit'
    | 'interrupted'
    | 'showDiff'
    | 'stepLimit'
    | 'guard'
  > &
    Pick<Partial<BatchesContext>, 'seen'> & { readonly plan: ClusterPlan; readonly broken: string | null },
): BatchesContext {
  const { plan, broken, ...rest } = input;
  return {
    ...rest,
    sessions: input.connected.sessions,
    token: owner.token,
    begin: beginScript(owner.number),
    keep: (host, ahead) =>
      keepScript(
        {
          number: owner.number,
          who: owner.who,
          command: owner.command,
          when: owner.since,
          ahead,
          changes: plan.changes
            .filter((it) => it.host === host)
            .map(({ change }) => `${change.verb} ${change.resource}`),
        },
        keepsOf(input.resources, host),
        statesOf(input.seen?.get(host)),
      ),
    alsoAsk: [],
    together: plan.changes.some(({ change }) => change.coordination !== 'independent'),
    kept: new Set(),
    checked: new Map(),
    touched: new Set(),
    armed: new Set(),
    ready: new Map(),
    revert:
      broken === null
        ? { token: owner.token, number: owner.number, after: owner.revertAfter ?? REVERT_AFTER }
        : null,
  };
}

/** Of a look that came before the run's first change. */
function statesOf(seen: Facts | undefined): KnownStates {
  return seen === undefined ? NOTHING_KNOWN : knownStates(seen);
}

/** Carries a plan out and proves the result; where that fails the hosts go back to what they were. */
export async function applyPlan(job: Job, plan: ClusterPlan, recap: Recap): Promise<Applied> {
  const { cluster, context } = job;
  const phase = (state: 'started' | 'done' | 'failed') =>
    context.emit({ event: 'phase', cluster: cluster.name, phase: 'apply', state });
  phase('started');
  const outcome = await batchesThroughLosses(job, plan, recap);
  phase(outcome.kind === 'done' ? 'done' : 'failed');
  if (outcome.kind === 'interrupted') {
    await takeCharge(context, recap);
    return { ok: false, exit: EXIT.interrupted, message: 'interrupted', verdict: null };
  }
  if (outcome.kind === 'refused') {
    await takeCharge(context, recap);
    return { ok: false, exit: EXIT.failed, message: outcome.message, verdict: null };
  }
  if (outcome.kind !== 'done') {
    const back = await goBack(job, recap);
    return {
      ok: false,
      exit: EXIT.failed,
      message: [outcome.message, back].filter(Boolean).join('; '),
      verdict: null,
    };
  }
  const { late, verdict } = await confirmAndVerify(job);
  if (late.length > 0) {
    for (const it of late) recap.diagnose(it);
    const back = await goBack(job, recap);
    const message = 'a change was not confirmed';
    return { ok: false, exit: EXIT.failed, message: [message, back].filter(Boolean).join('; '), verdict };
  }
  if (verdict.status.state === 'healthy' || context.interrupted.aborted || context.touched.size === 0)
    return { ok: true, verdict, note: null };
  // Unhealthy as it was before: the run did not cause it, and going back would not mend it.
  if (job.broken !== null) return { ok: true, verdict, note: leftAsItIs(job.broken) };
  if (nothingNew(job.before, verdict.status))
    return { ok: true, verdict, note: leftAsItIs('the pair was as unhealthy as it is now') };
  const unreachable = verdict.status.problems.some((it) => it.code === 'host_unreachable');
  const exit = unreachable ? EXIT.unreachable : EXIT.unhealthy;
  tellProblems(cluster, verdict, recap);
  const cause = verdict.status.problems[0]?.message;
  const message = `the pair was ${verdict.status.state} after the run${cause === undefined ? '' : `: ${cause}`}`;
  const back = await goBack(job, recap);
  return { ok: false, exit, message: [message, back].filter(Boolean).join('; '), verdict };
}

/** Proves the result, and tells the hosts that were changed last in the same round trip that somebody saw it through. */
async function confirmAndVerify({ context, verify }: Job) {
  const { armed, revert, held, sessions } = context;
  const late: Diagnostic[] = [];
  const verdict = await verify({
    held,
    first: (host) => {
      const session = sessions.get(host);
      if (session === undefined || revert === null || !armed.has(host)) return undefined;
      return {
        script: confirmScript(revert),
        ended: (outcome) => {
          const problem = confirmed(session.host, armed, outcome);
          if (problem !== null) late.push(problem);
        },
      };
    },
  });
  // Not reached by that look.
  if (late.length === 0) late.push(...(await confirmAll(sessions, armed, revert)));
  return { late, verdict };
}

function leftAsItIs(why: string): string {
  return `nothing was rolled back: before the run ${why}`;
}

type Ended = Exclude<Outcome, { kind: 'lost' }>;

/** After a lost connection: connects again, looks, and goes on with what is left. */
export async function batchesThroughLosses(
  job: Pick<Job, 'context' | 'replan'>,
  plan: ClusterPlan,
  recap: Recap,
): Promise<Ended> {
  let batches = plan.batches;
  for (let round = 0; ; round++) {
    const outcome = await runBatches(batches, job.context, recap);
    if (outcome.kind !== 'lost') return outcome;
    const problems = round >= COME_BACKS ? outcome.errors : await comeBack(outcome, job.context);
    if (problems.length === 0) {
      const again = await job.replan();
      for (const problem of again.problems) recap.diagnose(problem);
      if (again.status !== 'error') {
        batches = again.batches;
        continue;
      }
    }
    for (const it of problems) recap.diagnose(it);
    return { kind: 'failed', message: 'a connection was lost in the middle of a change' };
  }
}

/** null: nothing was changed that could be taken back. */
async function goBack(job: Job, recap: Recap): Promise<string | null> {
  const { context, broken, onFailure } = job;
  await context.adverts?.ended();
  await takeCharge(context, recap);
  if (context.touched.size === 0) return null;
  if (onFailure === 'stop') return 'what was changed stays (`--no-rollback`)';
  if (broken !== null) return leftAsItIs(broken);
  const { back, left, problems } = await rollBack(job, recap);
  for (const it of problems) recap.diagnose(it);
  const [done, rest] = [back.join(' and '), left.join(' and ')];
  if (problems.length === 0) return back.length === 0 ? null : `rolled back: ${done} as before the run`;
  const hint = '`lbctl status` shows the pair, `lbctl rollback` tries again';
  return back.length > 0 && left.length > 0
    ? `rolled back: ${done} as before the run, but not ${rest}: ${hint}`
    : `the rollback of ${done}${rest} failed as well: ${hint}`;
}
