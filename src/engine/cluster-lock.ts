import type { Command } from '../base/shell.js';
import { type Session, TransportError } from '../transport/types.js';
import { fenceScript, LOCK_HEARTBEAT, releaseScript } from './lock.js';

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
