import { raw } from '../../base/shell.js';
import type { Session } from '../../transport/types.js';

/** Milliseconds since the epoch; unlike Date.now() it does not jump when the clock is set. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export interface ClockOffset {
  /** What a host's clock is ahead of ours, in milliseconds. */
  readonly offset: number;
  /** By how much that may be wrong. */
  readonly error: number;
}

const ROUNDS = 5;

/** A host's clock against ours, from the quickest of some questions. @throws TransportError */
export async function clockOffset(session: Session): Promise<ClockOffset> {
  let best: ClockOffset | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const asked = now();
    const { stdout } = await session.run(raw('date +%s.%N'), { limit: 20, repeatable: true });
    const found = offsetOf({ asked, answered: now(), said: Number(stdout.trim()) * 1000 });
    if (Number.isFinite(found.offset) && (best === null || found.error < best.error)) best = found;
  }
  return best ?? { offset: 0, error: Number.POSITIVE_INFINITY };
}

/** The answer was written some time between the question and its arrival. All in milliseconds. */
export function offsetOf(round: { asked: number; answered: number; said: number }): ClockOffset {
  const { asked, answered, said } = round;
  return { offset: said - (asked + answered) / 2, error: (answered - asked) / 2 };
}
