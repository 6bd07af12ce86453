import type { Command } from '../base/shell.js';
import type { Batch, HostWork } from '../planning/types.js';
import { TransportError } from '../transport/types.js';
import { armSection, type ExecuteContext, firstCheck } from './change-script.js';
import { frame, newMark, parseFrame, type Section } from './framing.js';
import { fenceScript, whileLocked } from './lock.js';

/** Seconds for the copies of one host, for its switch, and for its check. */
const PART_LIMIT = 30;
const LIMIT = 3 * PART_LIMIT + 40;

/**
 * Milliseconds by which the later hosts' preparations come after those of the first ones, which somebody waits for: hosts may
 * share processors. A reload takes longer than that and the preparations together.
 */
const AFTER = 50;

/** What a host does ahead of its turn. */
export interface Ahead {
  /** It is the host's turn now: resolves when all is done that was begun. */
  turn(): Promise<void>;
  /** Resolves when all is done, or is not to be begun any more. */
  end(): Promise<void>;
}

/**
 * Keeps what is on the hosts that come later, while the first ones are changed, arms their switch, and has them check the file that
 * they are to get first: by the time that it is their turn all that is left is to change it. A switch undoes nothing where the turn
 * has not come. What cannot be done so is left to the host's own batch, which says why.
 */
export function keepAhead(batches: readonly Batch[], context: ExecuteContext): Map<string, Ahead> {
  const [first, ...later] = batches;
  const sooner = new Set(first?.work.map(({ host }) => host));
  const all = new Map<string, Ahead>();
  for (const batch of later)
    for (const work of batch.work)
      if (!sooner.has(work.host) && !all.has(work.host))
        all.set(
          work.host,
          afterwards(() => keepOn(batch, work, context)),
        );
  return all;
}

function afterwards(act: () => Promise<void>): Ahead {
  let timer: NodeJS.Timeout | null = null;
  let acting: Promise<void> | null = null;
  const begin = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    acting ??= act();
    // Whoever waits for it is told.
    acting.catch(() => undefined);
    return acting;
  };
  timer = setTimeout(begin, AFTER);
  return {
    turn: begin,
    end: () => {
      if (timer !== null) clearTimeout(timer);
      return acting ?? Promise.resolve();
    },
  };
}

async function keepOn(batch: Batch, work: HostWork, context: ExecuteContext): Promise<void> {
  const { sessions, token, keep, kept, checked, armed, ready } = context;
  const session = sessions.get(work.host);
  if (session === undefined || context.interrupted.aborted) return;
  const check = firstCheck(work);
  const part = (id: string, script: Command): Section => ({
    id,
    script: whileLocked(token, script),
    onFailure: 'stop',
    limit: PART_LIMIT,
  });
  // A run that goes back, or goes on after a loss, has begun on this host: what is armed there would undo at once.
  const arm = context.touched.has(work.host) ? null : armSection(batch, work, context);
  const sections = [
    ...(kept.has(work.host) ? [] : [part('keep', keep(work.host, true))]),
    ...(arm === null ? [] : [arm]),
    ...(check === null ? [] : [part('check', check.ahead.check)]),
  ];
  if (sections.length === 0) return;
  const mark = newMark();
  const script = frame([{ id: 'fence', script: fenceScript(token), onFailure: 'stop' }, ...sections], mark, {
    alone: true,
  });
  if (arm !== null) armed.add(work.host);
  try {
    const { finished } = parseFrame(await session.run(script, { limit: LIMIT, tidy: true }), mark);
    const passed = (id: string) => finished.some((it) => it.id === id && it.exitCode === 0);
    if (passed('keep')) kept.add(work.host);
    if (passed('arm')) ready.set(work.host, work);
    if (check !== null && passed('check')) checked.set(check.step, Date.now());
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
  }
}
