import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../inventory/model.js';
import { aborted } from './failures.js';
import type { RemoteProcess } from './run-script.js';

/** @throws TransportError when the caller gives up meanwhile */
export async function pause(ms: number, host: Host, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw aborted(host);
  }
}

/** Growing from try to try, and never the same for many at once. */
export function backoff(tries: number, baseMs: number): number {
  return Math.round(baseMs * 2 ** tries * (0.5 + Math.random()));
}

/** A process that comes after the signal is closed again. */
export function unlessAborted<Opened extends RemoteProcess>(
  opening: Promise<Opened>,
  signal: AbortSignal | undefined,
  host: Host,
): Promise<Opened> {
  if (signal === undefined) return opening;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(aborted(host));
      opening.then(
        (process) => process.close(),
        () => undefined,
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    opening.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
