import type { Command } from '../base/shell.js';
import type { Batch, HostWork } from '../planning/types.js';
import { TransportError } from '../transport/types.js';
import { type ExecuteContext, firstCheck } from './change-script.js';
import { frame, newMark, parseFrame, type Section } from './framing.js';
import { fenceScript, whileLocked } from './lock.js';

/** Seconds for the copies of one host, and for its check. */
const PART_LIMIT = 30;
const LIMIT = 2 * PART_LIMIT + 40;

/**
 * Keeps what is on the hosts that come later, while the first ones are changed, and has them check the file that they are to
 * get first: by the time that it is their turn all that is left is to change it. What cannot be done so is left to the host's own
 * batch, which says why. Returns what to wait for before a host is changed; it never rejects.
 */
export function keepAhead(batches: readonly Batch[], context: ExecuteContext): Map<string, Promise<void>> {
  const [first, ...later] = batches.map((batch) => batch.work);
  const sooner = new Set(first?.map(({ host }) => host));
  const works = new Map<string, HostWork>();
  for (const work of later.flat())
    if (!sooner.has(work.host) && !works.has(work.host)) works.set(work.host, work);
  return new Map([...works].map(([host, work]) => [host, keepOn(work, context)]));
}

async function keepOn(work: HostWork, context: ExecuteContext): Promise<void> {
  const { sessions, token, keep, kept, checked } = context;
  const session = sessions.get(work.host);
  if (session === undefined) return;
  const check = firstCheck(work);
  const part = (id: string, script: Command): Section => ({
    id,
    script: whileLocked(token, script),
    onFailure: 'stop',
    limit: PART_LIMIT,
  });
  const sections = [
    ...(kept.has(work.host) ? [] : [part('keep', keep(work.host, true))]),
    ...(check === null ? [] : [part('check', check.ahead.check)]),
  ];
  if (sections.length === 0) return;
  const mark = newMark();
  const script = frame([{ id: 'fence', script: fenceScript(token), onFailure: 'stop' }, ...sections], mark, {
    alone: true,
  });
  try {
    const { finished } = parseFrame(await session.run(script, { limit: LIMIT, tidy: true }), mark);
    const passed = (id: string) => finished.some((it) => it.id === id && it.exitCode === 0);
    if (passed('keep')) kept.add(work.host);
    if (check !== null && passed('check')) checked.set(check.step, Date.now());
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
  }
}
