import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import type { Probe } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import type { Observation } from './assess.js';
import { frame, newMark, parseFrame } from './framing.js';
import {
  acquireScript,
  fenceScript,
  LOCK_HEARTBEAT,
  LOCKED_EXIT,
  type LockOwner,
  parseHolder,
  releaseScript,
} from './lock.js';
import { factsFrom, probeSections } from './observe.js';
import { observeOne } from './observe-cluster.js';

const LIMIT = 60;

/** Somebody else has it; a host was lost meanwhile; or the host could not write it. */
export type LockFailure = 'locked' | 'unreachable' | 'failed';

export type LockResult =
  | { readonly ok: true; readonly lock: ClusterLock; readonly observations: Map<string, Observation> }
  | { readonly ok: false; readonly why: LockFailure; readonly error: Diagnostic };

interface Refusal {
  readonly why: LockFailure;
  readonly error: Diagnostic;
}

/** One change at a time: the lock of a cluster is held on all of its hosts that are reached. */
export class ClusterLock {
  readonly #timer: NodeJS.Timeout;
  #beats: Promise<unknown> = Promise.resolve();
  /** Where nothing of ours is left. */
  readonly #gone = new Set<Session>();

  constructor(
    readonly token: string,
    readonly sessions: readonly Session[],
  ) {
    this.#timer = setInterval(() => {
      this.#beats = Promise.all(
        sessions.map((it) => it.run(fenceScript(token), { limit: 20, tidy: true }).catch(() => undefined)),
      );
    }, LOCK_HEARTBEAT * 1000);
    this.#timer.unref();
  }

  /** Done in the same round trip as the release, where a run ended well. */
  #last: Command | null = null;

  lastly(script: Command): void {
    this.#last = script;
  }

  /** Frees it on every host; a host that cannot be told frees it by itself. */
  async release(): Promise<void> {
    await this.#still();
    const left = this.sessions.filter((it) => !this.#gone.has(it));
    await Promise.all(
      left.map((it) =>
        it.run(this.#release(), { limit: 20, repeatable: true, tidy: true }).catch(() => undefined),
      ),
    );
  }

  /** Takes the lock of some hosts away with everything else that is ours there; says on which that failed, and why. */
  async dissolve(hosts: ReadonlySet<string>, script: Command): Promise<ReadonlyMap<string, string>> {
    await this.#still();
    const failed = new Map<string, string>();
    await Promise.all(
      this.sessions
        .filter((it) => hosts.has(it.host.name))
        .map(async (it) => {
          try {
            const { exitCode, stderr } = await it.run(script, { limit: 60 });
            if (exitCode === 0) this.#gone.add(it);
            else failed.set(it.host.name, stderr.trim() || `exit code ${exitCode}`);
          } catch (error) {
            if (!(error instanceof TransportError)) throw error;
            failed.set(it.host.name, error.diagnostic.summary);
          }
        }),
    );
    return failed;
  }

  /** No sign of life is under way any more: one that came later would make the lock's folder anew. */
  async #still(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beats;
  }

  #release(): Command {
    return releaseScript(this.token, this.#last ?? undefined);
  }
}

/**
 * Takes the lock on the first host by name, then on the others at once, and looks at all of them again at the same
 * time: what was planned before may have changed since. The order is the same for everybody, so of two operators one
 * wins and neither waits for the other.
 */
async function lockCluster(
  cluster: Cluster,
  sessions: ReadonlyMap<string, Session>,
  owner: LockOwner,
  probesFor: (host: string) => readonly Probe<unknown>[],
): Promise<LockResult> {
  const hosts = [...sessions.keys()].sort();
  const observations = new Map<string, Observation>();
  const taken: Session[] = [];
  const take = async (host: string, probes: readonly Probe<unknown>[]): Promise<Refusal | null> => {
    const session = sessions.get(host);
    if (session === undefined) return null;
    const about = { cluster: cluster.name, host };
    const mark = newMark();
    const sections = [
      { id: 'lock', script: acquireScript(owner), onFailure: 'stop' } as const,
      ...probeSections(probes),
    ];
    try {
      const result = await session.run(frame(sections, mark), { limit: LIMIT, tidy: true });
      const outcome = parseFrame(result, mark).finished.find((it) => it.id === 'lock');
      if (outcome?.exitCode === 0) {
        taken.push(session);
        observations.set(host, { reachable: true, facts: factsFrom(result, mark) });
        return null;
      }
      if (outcome?.exitCode === LOCKED_EXIT)
        return { why: 'locked', error: { ...lockedBy(outcome.stdout), ...about } };
      return {
        why: 'failed',
        error: {
          severity: 'error',
          code: 'lock-failed',
          summary: 'the lock could not be taken',
          detail: outcome?.stderr.trim() || result.stderr.trim(),
          ...about,
        },
      };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return { why: 'unreachable', error: { ...error.diagnostic, ...about } };
    }
  };
  const [first, ...rest] = hosts;
  const early = first === undefined ? null : await take(first, []);
  const lookAgain = async (host: string): Promise<Refusal | null> => {
    const session = sessions.get(host);
    if (session === undefined) return null;
    const seen = await observeOne(session, probesFor(host), { limit: LIMIT });
    observations.set(host, seen);
    return seen.reachable ? null : { why: 'unreachable', error: seen.error };
  };
  const failures =
    early !== null || first === undefined
      ? [early]
      : await Promise.all([lookAgain(first), ...rest.map((host) => take(host, probesFor(host)))]);
  const failure = failures.find((it) => it !== null);
  if (failure !== undefined && failure !== null) {
    await Promise.all(
      taken.map((it) =>
        it
          .run(releaseScript(owner.token), { limit: 20, repeatable: true, tidy: true })
          .catch(() => undefined),
      ),
    );
    return { ok: false, ...failure };
  }
  return { ok: true, lock: new ClusterLock(owner.token, taken), observations };
}

/** As often as every second until the lock is free, the patience is over, or the user interrupts. */
export async function lockPatiently(
  cluster: Cluster,
  sessions: ReadonlyMap<string, Session>,
  owner: LockOwner,
  probesFor: (host: string) => readonly Probe<unknown>[],
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
