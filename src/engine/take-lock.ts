import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import type { Observation, Observations } from './assess.js';
import { ClusterLock } from './cluster-lock.js';
import { frame, newMark, parseFrame } from './framing.js';
import { acquireScript, LOCKED_EXIT, type LockOwner, parseHolder, parseLast, releaseScript } from './lock.js';
import { lastOwnerProbe, lockProbe } from './lock-look.js';
import { factsFrom, observe, probeSections } from './observe.js';

const LIMIT = 60;
/** Seconds that whoever came second is given to let go of what he took. */
const YIELDS_WITHIN = 3;

/** Somebody else has it; a host was lost meanwhile; or the host could not write it. */
export type LockFailure = 'locked' | 'unreachable' | 'failed';

export type LockResult =
  | {
      readonly ok: true;
      readonly lock: ClusterLock;
      readonly observations: Map<string, Observation>;
      /** What all of them showed before still holds, and they were not asked again. */
      readonly asSeen: boolean;
    }
  | { readonly ok: false; readonly why: LockFailure; readonly error: Diagnostic };

interface Refusal {
  readonly why: LockFailure;
  readonly error: Diagnostic;
}

/** What is asked of the hosts under the lock. */
export interface Asking {
  readonly probes: (host: string) => readonly Probe<unknown>[];
  /** What they showed to the same questions, and some of it perhaps more, before; null: nothing. */
  readonly seen: Seen | null;
  /** Asked in any case: these were not among the questions before. */
  readonly always: readonly Probe<unknown>[];
}

export interface Seen {
  readonly observations: Observations;
  /** When the hosts were asked; milliseconds, `Date.now()`. */
  readonly asked: number;
}

/**
 * Milliseconds for which what a host showed before its lock was taken still counts, where nobody else has had the lock since.
 * What people do by hand meanwhile no lock keeps them from: they may do it a moment later as well.
 */
const SEEN_HOLDS = 2_000;

/**
 * Takes the lock on all hosts at once, and looks at them again in the same round trip: what was planned before may
 * have changed since. Of two operators who begin together each may get a host: the first host by name decides. Whoever
 * has it waits until the other one, who gives back what he got, is gone. So one wins, and neither waits for the other
 * for good. What a host showed under its own lock still holds when the last lock is taken: nobody else can change a
 * cluster without having all of them.
 */
async function lockCluster(
  cluster: Cluster,
  sessions: ReadonlyMap<string, Session>,
  owner: LockOwner,
  asking: Asking,
): Promise<LockResult> {
  const hosts = [...sessions.keys()].sort();
  const observations = new Map<string, Observation>();
  const taken = new Set<Session>();
  let asSeen = true;
  const take = async (host: string): Promise<Refusal | null> => {
    const session = sessions.get(host);
    if (session === undefined || taken.has(session)) return null;
    const got = await lockHost(cluster, session, owner, asking);
    if (got.refusal !== null) return got.refusal;
    taken.add(session);
    observations.set(host, got.observation);
    asSeen &&= got.asSeen;
    return null;
  };
  const deadline = Date.now() + YIELDS_WITHIN * 1000;
  for (;;) {
    const refusals = await Promise.all(hosts.map(take));
    const refusal = refusals.find((it) => it !== null) ?? null;
    if (refusal === null)
      return { ok: true, lock: new ClusterLock(owner.token, [...taken]), observations, asSeen };
    const isFirst = refusals[0] === null && refusals.every((it) => it === null || it.why === 'locked');
    if (!isFirst || Date.now() >= deadline) {
      await giveBack(taken, owner);
      return { ok: false, ...refusal };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function giveBack(taken: ReadonlySet<Session>, { token }: LockOwner): Promise<void> {
  const release = releaseScript(token);
  await Promise.all(
    [...taken].map((it) =>
      it.run(release, { limit: 20, repeatable: true, tidy: true }).catch(() => undefined),
    ),
  );
}

type HostLock =
  | { readonly refusal: Refusal }
  | { readonly refusal: null; readonly observation: Observation; readonly asSeen: boolean };

async function lockHost(
  cluster: Cluster,
  session: Session,
  owner: LockOwner,
  { probes, seen, always }: Asking,
): Promise<HostLock> {
  const { name } = session.host;
  const about = { cluster: cluster.name, host: name };
  const before = seen === null ? null : stillGood(seen, name);
  const all = [...probes(name), ...always];
  const mark = newMark();
  const sections = [
    { id: 'lock', script: acquireScript(owner), onFailure: 'stop' } as const,
    ...probeSections(before === null ? all : always),
  ];
  try {
    const result = await session.run(frame(sections, mark), { limit: LIMIT, tidy: true });
    const outcome = parseFrame(result, mark).finished.find((it) => it.id === 'lock');
    if (outcome?.exitCode === 0) {
      const now = factsFrom(result, mark);
      const got = (facts: Facts, asSeen: boolean) =>
        ({ refusal: null, observation: { reachable: true, facts }, asSeen }) as const;
      if (before === null) return got(now, false);
      if (before.last === parseLast(outcome.stdout) && seen !== null && stillGood(seen, name) !== null)
        return got(now.over(before.facts), true);
      // Somebody else was here in between.
      return got(await observeLocked(session, all, owner), false);
    }
    if (outcome?.exitCode === LOCKED_EXIT)
      return { refusal: { why: 'locked', error: { ...lockedBy(outcome.stdout), ...about } } };
    const detail = outcome?.stderr.trim() || result.stderr.trim();
    const summary = 'the lock could not be taken';
    return {
      refusal: {
        why: 'failed',
        error: { severity: 'error', code: 'lock-failed', summary, detail, ...about },
      },
    };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return { refusal: { why: 'unreachable', error: { ...error.diagnostic, ...about } } };
  }
}

/** A lock under which the host cannot be looked at is given back. @throws TransportError */
async function observeLocked(
  session: Session,
  probes: readonly Probe<unknown>[],
  owner: LockOwner,
): Promise<Facts> {
  try {
    return await observe(session, probes);
  } catch (error) {
    await giveBack(new Set([session]), owner);
    throw error;
  }
}

/** null: the host was not seen, or too long ago; or somebody was at work on it then, or nobody knows whether. */
function stillGood(
  { observations, asked }: Seen,
  host: string,
): { readonly facts: Facts; readonly last: string } | null {
  const before = observations.get(host);
  if (before?.reachable !== true || Date.now() - asked > SEEN_HOLDS) return null;
  try {
    const { facts } = before;
    const last = facts.need(lastOwnerProbe);
    // Nobody ever, or somebody whose lbctl does not write it down.
    return last !== '' && facts.need(lockProbe) === null ? { facts, last } : null;
  } catch (error) {
    if (error instanceof UnknownFact) return null;
    throw error;
  }
}

/** As often as every second until the lock is free, the patience is over, or the user interrupts. */
export async function lockPatiently(
  cluster: Cluster,
  sessions: ReadonlyMap<string, Session>,
  owner: LockOwner,
  asking: Asking,
  patience: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<LockResult> {
  const deadline = Date.now() + patience.seconds * 1000;
  for (;;) {
    const result = await lockCluster(cluster, sessions, owner, asking);
    if (result.ok || result.why !== 'locked' || Date.now() >= deadline || patience.signal.aborted)
      return result;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function lockedBy(stdout: string): Diagnostic {
  const { who, command, since, age, stepRuns } = parseHolder(stdout);
  const run = command === '' ? '' : ` (\`${command}\` since ${since}, last sign of life ${age} s ago)`;
  return stepRuns
    ? {
        severity: 'error',
        code: 'locked',
        summary: `a step of ${who}${run} is still running on this host`,
        hint: 'wait until it has ended (`--lock-wait SECONDS` waits); `lbctl lock status` shows it',
      }
    : {
        severity: 'error',
        code: 'locked',
        summary: `${who} is changing this cluster with \`${command}\` since ${since} (last sign of life ${age} s ago)`,
        hint: 'wait until that run has ended (`--lock-wait SECONDS` waits); a lock whose owner is gone frees itself within 60 s',
      };
}
