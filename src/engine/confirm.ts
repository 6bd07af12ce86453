import type { Diagnostic } from '../base/diagnostic.js';
import { type Session, TransportError } from '../transport/types.js';
import { disarmScript, UNDONE_EXIT } from './dead-man.js';
import { LOCKED_EXIT, ownedScript } from './lock.js';
import { CHANGE, type RevertRun, revertedScript } from './revert.js';

const LIMIT = 30;

/**
 * Tells a host that somebody saw its change through: it no longer goes back by itself. null: told, in time. The
 * host is taken from `armed` where it is told or has already gone back.
 */
export async function confirm(
  session: Session,
  armed: Set<string>,
  run: RevertRun | null,
): Promise<Diagnostic | null> {
  const { name: host, cluster } = session.host;
  const about = { severity: 'error', cluster, host } as const;
  if (run === null) return null;
  const { token, number } = run;
  const undone = revertedScript(number);
  try {
    const { exitCode, stderr } = await session.run(
      disarmScript({ name: CHANGE, owner: token, undone, lost: ownedScript(token) }),
      // Told twice is told once: a connection that ends meanwhile is no reason to take the change back.
      { limit: LIMIT, repeatable: true, tidy: true },
    );
    if (exitCode === 0) {
      armed.delete(host);
      return null;
    }
    if (exitCode === LOCKED_EXIT) {
      // Nothing of ours is armed there any more: whoever has the lock has seen to that.
      armed.delete(host);
      return { ...about, code: 'lock-lost', summary: stderr.trim() };
    }
    if (exitCode === UNDONE_EXIT) armed.delete(host);
    return {
      ...about,
      code: exitCode === UNDONE_EXIT ? 'reverted' : 'not-confirmed',
      summary:
        exitCode === UNDONE_EXIT
          ? 'the host has gone back by itself to what was there before: nobody confirmed the change in time'
          : 'the change could not be confirmed: the host will go back by itself to what was there before',
      detail: stderr.trim(),
      hint: '`lbctl plan` shows what is left to do',
    };
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
