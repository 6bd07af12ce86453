import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import type { Probe } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import type { Observation } from './assess.js';
import { ClusterLock } from './cluster-lock.js';
import { frame, newMark, parseFrame } from './framing.js';
import { acquireScript, LOCKED_EXIT, type LockOwner, parseHolder, releaseScript } from './lock.js';
import { factsFrom, probeSections } from './observe.js';

const LIMIT = 60;
/** Seconds that whoever came second is given to let go of what he took. */
const YIELDS_WITHIN = 3;

/** Somebody else has it; a host was lost meanwhile; or the host could not write it. */
export type LockFailure = 'locked' | 'unreachable' | 'failed';

export type LockResult =
  | { readonly ok: true; readonly lock: ClusterLock; readonly observations: Map<string, Observation> }
  | { readonly ok: false; readonly why: LockFailure; readonly error: Diagnostic };

interface Refusal {
  readonly why: LockFailure;
  readonly error: Diagnostic;
}

type Probes = (host: string) => readonly Probe<unknown>[];

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
  probesFor: Probes,
): Promise<LockResult> {
  const hosts = [...sessions.keys()].sort();
  const observations = new Map<string, Observation>();
  const taken = new Set<Session>();
  const take = async (host: string): Promise<Refusal | null> => {
    const session = sessions.get(host);
    if (session === undefined || taken.has(session)) return null;
    const got = await lockHost(cluster, session, owner, probesFor(host));
    if (got.refusal !== null) return got.refusal;
    taken.add(session);
    observations.set(host, got.observation);
    return null;
  };
  const deadline = Date.now() + YIELDS_WITHIN * 1000;
  for (;;) {
    const refusals = await Promise.all(hosts.map(take));
    const refusal = refusals.find((it) => it !== null) ?? null;
    if (refusal === null) return { ok: true, lock: new ClusterLock(owner.token, [...taken]), observations };
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

type HostLock = { readonly refusal: Refusal } | { readonly refusal: null; readonly observation: Observation };

async function lockHost(
  cluster: Cluster,
  session: Session,
  owner: LockOwner,
  probes: readonly Probe<unknown>[],
): Promise<HostLock> {
  const about = { cluster: cluster.name, host: session.host.name };
  const mark = newMark();
  const sections = [
    { id: 'lock', script: acquireScript(owner), onFailure: 'stop' } as const,
    ...probeSections(probes),
  ];
  try {
    const result = await session.run(frame(sections, mark), { limit: LIMIT, tidy: true });
    const outcome = parseFrame(result, mark).finished.find((it) => it.id === 'lock');
    if (outcome?.exitCode === 0)
      return { refusal: null, observation: { reachable: true, facts: factsFrom(result, mark) } };
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

/** As often as every second until the lock is free, the patience is over, or the user interrupts. */
export async function lockPatiently(
  cluster: Cluster,
  sessions: ReadonlyMap<string, Session>,
  owner: LockOwner,
  probesFor: Probes,
  patience: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<LockResult> {
  const deadline = Date.now() + patience.seconds * 1000;
  for (;;) {
    const result = await lockCluster(cluster, sessions, owner, probesFor);
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
