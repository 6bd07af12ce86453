import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import type { Host } from '../inventory/model.js';
import { type Session, TransportError } from '../transport/types.js';
import { disarmScript, UNDONE_EXIT } from './dead-man.js';
import { LOCKED_EXIT, ownedScript } from './lock.js';
import { CHANGE, type RevertRun, revertedScript } from './revert.js';

const LIMIT = 30;

/** Tells a host that somebody saw its change through. Told twice is told once. */
export function confirmScript({ token, number }: RevertRun): Command {
  const undone = revertedScript(number);
  return disarmScript({ name: CHANGE, owner: token, undone, lost: ownedScript(token) });
}

/** What came of `confirmScript`. null: told, in time. The host is taken from `armed` where it is told or has already gone back. */
export function confirmed(
  { name: host, cluster }: Pick<Host, 'name' | 'cluster'>,
  armed: Set<string>,
  { exitCode, stderr }: { readonly exitCode: number | null; readonly stderr: string },
): Diagnostic | null {
  // Where the lock was lost nothing of ours is armed any more: whoever has it has seen to that.
  if ([0, UNDONE_EXIT, LOCKED_EXIT].some((it) => it === exitCode)) armed.delete(host);
  if (exitCode === 0) return null;
  if (exitCode === LOCKED_EXIT)
    return { severity: 'error', cluster, host, code: 'lock-lost', summary: stderr.trim() };
  return {
    severity: 'error',
    cluster,
    host,
    code: exitCode === UNDONE_EXIT ? 'reverted' : 'not-confirmed',
    summary:
      exitCode === UNDONE_EXIT
        ? 'the host has gone back by itself to what was there before: nobody confirmed the change in time'
        : 'the change could not be confirmed: the host will go back by itself to what was there before',
    detail: stderr.trim(),
    hint: '`lbctl plan` shows what is left to do',
  };
}

/** The host no longer goes back by itself. null: told, in time. */
export async function confirm(
  session: Session,
  armed: Set<string>,
  run: RevertRun | null,
): Promise<Diagnostic | null> {
  const { name: host, cluster } = session.host;
  const about = { severity: 'error', cluster, host } as const;
  if (run === null) return null;
  try {
    // A connection that ends meanwhile is no reason to take the change back.
    const options = { limit: LIMIT, repeatable: true, tidy: true };
    return confirmed(session.host, armed, await session.run(confirmScript(run), options));
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return {
      ...error.diagnostic,
      ...about,
      hint: 'the host goes back by itself to what was there before, since nobody can confirm the change; then `lbctl plan` shows what is left',
    };
  }
}

/** The same for every host that is still armed. */
export async function confirmAll(
  sessions: ReadonlyMap<string, Session>,
  armed: Set<string>,
  run: RevertRun | null,
): Promise<Diagnostic[]> {
  const told = await Promise.all(
    [...armed].map((host) => {
      const session = sessions.get(host);
      return session === undefined ? null : confirm(session, armed, run);
    }),
  );
  return told.filter((it) => it !== null);
}
