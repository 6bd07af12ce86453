import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../inventory/model.js';
import { aborted } from './failures.js';

/** @throws TransportError when the caller gives up meanwhile */
export async function pause(ms: number, host: Host, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw aborted(host);
  }
}

/** Growing from try to try to `mostMs` on average, and never the same for many at once. */
export function backoff(tries: number, baseMs: number, mostMs = Number.POSITIVE_INFINITY): number {
  return Math.round(Math.min(baseMs * 2 ** tries, mostMs) * (0.5 + Math.random()));
}

/** What is waited for no longer than so, and no longer than the caller wishes. */
export interface Patience {
  readonly host: Host;
  readonly signal: AbortSignal | undefined;
  readonly limitMs: number;
  /** What to throw when the time is over. */
  late(): Error;
}

/** What comes after its time, or after the signal, is discarded. @throws what `opening` throws, `late` or TransportError */
export function inTime<Opened>(
  opening: Promise<Opened>,
  patience: Patience,
  discard: (opened: Opened) => void,
): Promise<Opened> {
  const { host, signal, limitMs, late } = patience;
  return new Promise((resolve, reject) => {
    const giveUp = (error: Error) => {
      reject(error);
      opening.then(discard, () => undefined);
    };
    const onAbort = () => giveUp(aborted(host));
    const timer = setTimeout(() => giveUp(late()), limitMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    opening.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    });
  });
}
