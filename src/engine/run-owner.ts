import { randomBytes } from 'node:crypto';

/** Who carries a run out, as the hosts remember it. */
export interface RunOwner {
  /** Random; the lock's. */
  readonly token: string;
  /** user@machine */
  readonly who: string;
  /** As the user typed it, without secrets. */
  readonly command: string;
  /** ISO 8601 */
  readonly since: string;
  /** The generation that it keeps: one more than the cluster's last. */
  readonly number: number;
  /** Seconds without a sign of life after which a host goes back by itself; null: as usual. */
  readonly revertAfter: number | null;
}

export function newOwner(given: Omit<RunOwner, 'token' | 'since' | 'number'>): RunOwner {
  return { ...given, token: randomBytes(12).toString('hex'), since: new Date().toISOString(), number: 0 };
}
