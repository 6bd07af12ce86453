import type { Diagnostic } from '../base/diagnostic.js';
import type { Batch } from '../planning/types.js';
import type { ExecuteContext } from './change-script.js';
import { confirm, confirmAll } from './confirm.js';
import type { Connected } from './connect.js';
import { executeBatch } from './execute.js';
import { type Adverts, leavesGroundAlone, startsKeepalived } from './first-start.js';
import type { Guard } from './guard.js';
import { type Ahead, keepAhead } from './keep-ahead.js';
import { oneHolderPerVip } from './one-holder.js';
import type { Recap } from './recap.js';

export interface BatchesContext extends ExecuteContext {
  readonly connected: Connected;
  /** Virtual addresses that were held when the run began: they must be held after every batch. */
  readonly held: ReadonlySet<string>;
  /** What is heard on the network before a first start; awaited only before keepalived starts. */
  readonly listening: Promise<readonly Diagnostic[]> | null;
  /** Whether the hosts hear each other's adverts; asked before keepalived starts for the first time. */
  readonly adverts?: Adverts | null;
  /** Hosts have to make some of the changes together: one alone is not put back. */
  readonly together: boolean;
  /** Keeps a host that serves from being changed while nobody could take over; null: it is put back whatever comes. */
  readonly guard: Guard | null;
}

export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'interrupted' }
  /** Nothing of the batch that was refused has begun; what was done before stays. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string }
  /** The connection to these ended in the middle of a change: somebody has to look. */
  | { readonly kind: 'lost'; readonly hosts: readonly string[]; readonly errors: readonly Diagnostic[] };

/**
 * Batch after batch: each host's changes and gates, then the gates that need all of them. A host that has passed its
 * gates is told so while the next is changed; the hosts of the last batch stay armed. Stops at the first thing that is
 * not as it should be.
 */
export async function runBatches(
  batches: readonly Batch[],
  context: BatchesContext,
  recap: Recap,
): Promise<Outcome> {
  const confirmations = new Map<string, Promise<Diagnostic | null>>();
  const keeping = keepAhead(context.interrupted.aborted ? [] : batches, context);
  const running = allBatches(batches, context, recap, { confirmations, keeping });
  let outcome: Outcome;
  try {
    outcome = await running;
  } finally {
    await Promise.all([...keeping.values()].map((it) => it.end()));
  }
  // What goes back to what was is not to meet it. Else whoever drives the run waits for it in the end.
  if (outcome.kind !== 'done') await context.adverts?.ended();
  const late = (await Promise.all(confirmations.values())).filter((it) => it !== null);
  for (const problem of late) recap.diagnose(problem);
  if (late.length > 0 && outcome.kind === 'done')
    return { kind: 'failed', message: 'a change was not confirmed' };
  return outcome;
}

/** What goes on beside the batches, by host. */
interface UnderWay {
  readonly confirmations: Map<string, Promise<Diagnostic | null>>;
  readonly keeping: ReadonlyMap<string, Ahead>;
}

async function allBatches(
  batches: readonly Batch[],
  context: BatchesContext,
  recap: Recap,
  { confirmations, keeping }: UnderWay,
): Promise<Outcome> {
  const { cluster, connected, held, emit, armed, sessions } = context;
  for (const [index, batch] of batches.entries()) {
    const left = batches.slice(index + 1);
    if (context.interrupted.aborted) {
      recap.notRun(batches.slice(index));
      return { kind: 'interrupted' };
    }
    if (startsKeepalived(batch) && (await heardRefusal(context, recap))) {
      recap.notRun(batches.slice(index));
      const message = 'refused before keepalived was started; what was done before stays';
      return { kind: 'refused', message };
    }
    // It takes a second, and what starts HAProxy meanwhile is of no account to it.
    const start = left.findIndex(startsKeepalived);
    if (start >= 0 && [batch, ...left.slice(0, start)].every(leavesGroundAlone)) context.adverts?.begin();
    const risk = (await context.guard?.before(batch)) ?? null;
    if (risk !== null) {
      recap.diagnose(risk);
      recap.notRun(batches.slice(index));
      return { kind: 'refused', message: `refused: ${risk.summary}` };
    }
    // A host has one switch: what disarms it after the batch before must not meet what arms it now.
    const before = await Promise.all(batch.work.map(({ host }) => confirmations.get(host) ?? null));
    if (before.some((it) => it !== null)) {
      recap.notRun(batches.slice(index));
      return { kind: 'failed', message: 'a change was not confirmed' };
    }
    await Promise.all(batch.work.map(({ host }) => keeping.get(host)?.turn()));
    const alsoAsk = context.guard?.asks(left) ?? [];
    const results = await executeBatch(batch, { ...context, alsoAsk });
    for (const { host, facts } of results) context.guard?.saw(host, facts);
    const lost = results.filter((it) => it.lost);
    for (const result of results) recap.took(lost.includes(result) ? { ...result, error: null } : result);
    if (lost.length > 0) {
      recap.notRun(left);
      return {
        kind: 'lost',
        hosts: lost.map(({ host }) => host),
        errors: lost.flatMap(({ error }) => error ?? []),
      };
    }
    if (results.some((it) => it.error !== null)) {
      recap.notRun(left);
      return { kind: 'failed', message: 'a step failed; what comes after it was not begun' };
    }
    if (results.some((it) => it.stopped)) {
      recap.notRun(left);
      return { kind: 'interrupted' };
    }
    if (batch.gates.includes('one-holder-per-vip')) {
      const problem = await oneHolderPerVip(cluster, connected, held, emit);
      if (problem !== null) {
        recap.diagnose(problem);
        recap.notRun(left);
        return { kind: 'failed', message: problem.summary };
      }
    }
    // Those of the last batch are told by whoever proves the result, on the way.
    for (const { host } of left.length === 0 ? [] : results) {
      const session = sessions.get(host);
      if (armed.has(host) && session !== undefined)
        confirmations.set(host, confirm(session, armed, context.revert));
    }
  }
  return { kind: 'done' };
}

/** Waits for what was heard on the network; true where it forbids the start. */
async function heardRefusal({ listening, adverts }: BatchesContext, recap: Recap): Promise<boolean> {
  const answers = await Promise.all([listening ?? [], adverts?.heard() ?? []]);
  const heard = answers.flat();
  for (const problem of heard) recap.diagnose(problem);
  return heard.some((it) => it.severity === 'error');
}

/** Disarms what is still armed: whoever drives the run has taken over. */
export async function takeCharge(context: BatchesContext, recap: Recap): Promise<void> {
  for (const problem of await confirmAll(context.sessions, context.armed, context.revert))
    recap.diagnose(problem);
}
