import type { Batch } from '../planning/types.js';
import { TransportError } from '../transport/types.js';
import type { ExecuteContext } from './execute.js';
import { frame, newMark, parseFrame } from './framing.js';
import { fenceScript, whileLocked } from './lock.js';

/** Seconds for the copies of one host. */
const LIMIT = 30;

/**
 * Keeps what is on the hosts that come later, while the first ones are changed: by the time that it is their turn the copies
 * are there. What cannot be kept so is left to the host's own batch, which says why. Returns what to wait for before a host is
 * changed; it never rejects.
 */
export function keepAhead(batches: readonly Batch[], context: ExecuteContext): Map<string, Promise<void>> {
  const [first, ...later] = batches.map((batch) => batch.work.map(({ host }) => host));
  const hosts = new Set(later.flat().filter((host) => !first?.includes(host) && !context.kept.has(host)));
  return new Map([...hosts].map((host) => [host, keepOn(host, context)]));
}

async function keepOn(host: string, { sessions, token, keep, kept }: ExecuteContext): Promise<void> {
  const session = sessions.get(host);
  if (session === undefined) return;
  const mark = newMark();
  const script = frame(
    [
      { id: 'fence', script: fenceScript(token), onFailure: 'stop' },
      { id: 'keep', script: whileLocked(token, keep(host)), onFailure: 'stop' },
    ],
    mark,
    { alone: true },
  );
  try {
    const { finished } = parseFrame(await session.run(script, { limit: LIMIT, tidy: true }), mark);
    if (finished.some(({ id, exitCode }) => id === 'keep' && exitCode === 0)) kept.add(host);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
  }
}
