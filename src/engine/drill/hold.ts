import type { FaultState } from '../events.js';
import { longestInterval } from '../gates.js';
import { now } from './clock.js';
import { type DrillContext, type FaultInput, heldBefore, takeoverLimit } from './context.js';
import type { Making } from './make-fault.js';
import { isCalm } from './samples.js';
import { movesOf } from './timeline.js';

/** Milliseconds without a failed request after which the client counts as served again. */
export const CALM = 1000;
const POLL = 20;
/** Milliseconds to wait for the end of a fault's own command, once there is no more reason to go on. */
const MAKING_LIMIT = 5000;

/** Tells how far a fault is; `at`: milliseconds since it was made. */
export type Tell = (state: FaultState, at?: number, detail?: string) => void;

export type HoldContext = Pick<DrillContext, 'cluster' | 'watch' | 'prober' | 'rate' | 'signal'>;

/** Until the client is served again, by whomever, or there is nothing left to wait for. */
export async function hold(
  context: HoldContext,
  { fault, host, before }: Pick<FaultInput, 'fault' | 'host' | 'before'>,
  making: Pick<Making, 'at' | 'error'>,
  tell: Tell,
): Promise<{ readonly madeAt: number | null }> {
  const { cluster, watch, prober, signal } = context;
  const addresses = heldBefore(before, host);
  const limit = takeoverLimit(cluster) * 1000;
  const told = new Set<FaultState>();
  const once = (state: FaultState, at?: number, detail?: string): void => {
    if (!told.has(state)) tell(state, at, detail);
    told.add(state);
  };
  const atLeast = fault.moves === 'perhaps' ? 1000 * (4 * longestInterval(cluster) + 1) : 3 * CALM;
  const deadline = now() + limit;
  await pauseUntil(limit + 60_000, () => {
    if (making.error != null) return true;
    const { at } = making;
    if (at === null) return now() > deadline;
    // Not while it is still being made: what is undone before it was done stays done.
    if (signal.aborted || prober.failure() !== null)
      return making.error !== undefined || now() > at + MAKING_LIMIT;
    once('made', 0);
    const moves = movesOf(watch.seen, { from: at - 5, to: now(), host, addresses });
    if (moves.noticed !== null)
      once('noticed', moves.noticed.at - at, `${moves.noticed.host}: ${moves.noticed.what}`);
    if (moves.takenOver !== null) once('taken-over', moves.takenOver.at - at, moves.takenOver.host);
    if (now() > at + limit) return true;
    const settled =
      fault.moves === 'always' && addresses.length > 0
        ? moves.takenOver !== null && now() > moves.takenOver.at + CALM
        : now() > at + atLeast;
    // A stop that hands over is not done when the address has moved: undoing it before that would cancel it.
    return settled && making.error === null && isCalmNow(context);
  });
  return { madeAt: making.at };
}

export function isCalmNow({ prober, rate }: Pick<DrillContext, 'prober' | 'rate'>): boolean {
  return isCalm(prober.samples, { now: now(), calmMs: CALM, interval: 1000 / rate });
}

/** False: it did not come true in time. */
export async function pauseUntil(limitMs: number, done: () => boolean): Promise<boolean> {
  const deadline = now() + limitMs;
  while (!done()) {
    if (now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
  return true;
}
