import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import type { Cluster, Host } from '../inventory/model.js';
import { type RunResult, type Session, TransportError } from '../transport/types.js';
import type { Connected } from './connect.js';
import type { LockedHost } from './documents.js';
import { LOCK_TTL, LOCKED_EXIT } from './lock.js';
import { type FoundLock, isAlive, lookScript, parseLook, removeScript } from './lock-look.js';

const LIMIT = 20;

/** One host's lock, as it was found. */
export interface SeenLock {
  readonly told: LockedHost;
  /** Null where it is free, or where nobody knows. */
  readonly found: FoundLock | null;
}

/** The locks of the hosts of a cluster, in their order. A host that does not answer is told as such. */
export async function lookAtLocks(
  cluster: Cluster,
  connected: Connected,
  signal: AbortSignal,
): Promise<SeenLock[]> {
  return Promise.all(
    cluster.hosts.map(async (host): Promise<SeenLock> => {
      const session = connected.sessions.get(host.name);
      if (session === undefined) return unknown(host, connected.failures.get(host.name));
      const answer = await ask(session, lookScript(), signal);
      if ('problem' in answer) return unknown(host, answer.problem);
      if (answer.exitCode !== 0) return unknown(host, noAnswer(answer), { reachable: true });
      const found = parseLook(answer.stdout);
      return { told: { ...about(host), ...described(found), problem: null }, found };
    }),
  );
}

/**
 * Removes a lock that was found, and no other one that was taken meanwhile.
 * @param alive whether also one whose owner is at work
 */
export async function removeLock(
  { told, found }: SeenLock,
  session: Session,
  options: { readonly alive: 'remove' | 'refuse'; readonly signal: AbortSignal },
): Promise<LockedHost> {
  if (found === null) return { ...told, released: false };
  const answer = await ask(session, removeScript(found.token, options), options.signal);
  if ('problem' in answer) return { ...told, released: false, problem: shown(answer.problem) };
  if (answer.exitCode === 0) return { ...told, released: true };
  const now = parseLook(answer.stdout);
  const taken = answer.exitCode === LOCKED_EXIT && now !== null;
  return {
    ...told,
    ...(taken ? described(now) : {}),
    released: false,
    problem: taken
      ? { code: 'locked', message: `${now.who} has renewed or taken it meanwhile: look again` }
      : shown(noAnswer(answer)),
  };
}

async function ask(
  session: Session,
  script: Command,
  signal: AbortSignal,
): Promise<RunResult | { readonly problem: Diagnostic }> {
  try {
    return await session.run(script, { limit: LIMIT, signal, repeatable: true });
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return { problem: error.diagnostic };
  }
}

function noAnswer({ exitCode, stderr, timedOut }: RunResult): Diagnostic {
  return {
    severity: 'error',
    code: 'lock-unknown',
    summary: timedOut ? 'it took too long' : `the lock could not be read (exit code ${exitCode})`,
    detail: stderr.trim(),
  };
}

function about(host: Host): Pick<LockedHost, 'name' | 'address' | 'reachable'> {
  return { name: host.name, address: host.address, reachable: true };
}

function unknown(
  host: Host,
  problem: Diagnostic | undefined,
  { reachable } = { reachable: false },
): SeenLock {
  return {
    told: {
      ...about(host),
      reachable,
      state: 'unknown',
      lock: null,
      problem: problem === undefined ? null : shown(problem),
    },
    found: null,
  };
}

function shown({ code, summary, detail, hint }: Diagnostic): { code: string; message: string } {
  return { code, message: [summary, detail, hint].filter(Boolean).join('\n') };
}

function described(found: FoundLock | null): Pick<LockedHost, 'state' | 'lock'> {
  if (found === null) return { state: 'free', lock: null };
  const { who, command, since, age, stepRuns } = found;
  return {
    state: isAlive(found) ? 'locked' : 'expired',
    lock: {
      who,
      command,
      since,
      renewed_seconds_ago: age,
      expires_in_seconds: Math.max(0, LOCK_TTL - age),
      step_running: stepRuns,
    },
  };
}
