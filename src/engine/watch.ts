import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster, Host } from '../inventory/model.js';
import type { Probe } from '../resources/types.js';
import { type Session, type Transport, TransportError } from '../transport/types.js';
import type { Observation } from './assess.js';
import type { ObserveOptions } from './observe.js';
import { observeOne } from './observe-cluster.js';

/** Milliseconds between two tries to reach a host: doubled each time, up to this. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

export interface WatchOptions {
  readonly transport: Transport;
  readonly probes: (host: string) => readonly Probe<unknown>[];
  readonly observing: ObserveOptions;
  readonly signal: AbortSignal;
  /** Milliseconds that one look waits for a host: the others are shown without it. */
  readonly patience: number;
  readonly now?: () => number;
}

export interface Watch {
  /** What the hosts are like now. Those that do not answer in time count as unreachable until they do. */
  look(): Promise<Map<string, Observation>>;
  close(): void;
}

/** Looks at a cluster again and again over connections that stay open, one a host. */
export function watchCluster(cluster: Cluster, options: WatchOptions): Watch {
  const hosts = cluster.hosts.map((host) => new WatchedHost(host, options));
  return {
    look: async () =>
      new Map(await Promise.all(hosts.map(async (it) => [it.host.name, await it.look()] as const))),
    close() {
      for (const it of hosts) it.close();
    },
  };
}

class WatchedHost {
  readonly host: Host;
  readonly #options: WatchOptions;
  readonly #now: () => number;
  #session: Session | null = null;
  /** The question that is not answered yet: never two at a time. */
  #asking: Promise<Observation> | null = null;
  #askedAt = 0;
  #failed: { readonly last: Observation; readonly pause: number; readonly until: number } | null = null;

  constructor(host: Host, options: WatchOptions) {
    this.host = host;
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async look(): Promise<Observation> {
    if (this.#failed !== null && this.#now() < this.#failed.until) return this.#failed.last;
    if (this.#asking === null) {
      this.#askedAt = this.#now();
      this.#asking = this.#ask().finally(() => {
        this.#asking = null;
      });
    }
    const patience = new AbortController();
    const late = wait(this.#options.patience, patience.signal).then(() => this.#late());
    try {
      return await Promise.race([this.#asking, late]);
    } finally {
      patience.abort();
    }
  }

  close(): void {
    this.#session?.close();
    this.#session = null;
  }

  async #ask(): Promise<Observation> {
    const found = await this.#observe();
    if (found.reachable) this.#failed = null;
    else {
      const pause = Math.min(LONGEST_PAUSE, (this.#failed?.pause ?? FIRST_PAUSE / 2) * 2);
      this.#failed = { last: found, pause, until: this.#now() + pause };
      // What is wrong with it may be the connection: the next try makes another one.
      this.close();
    }
    return found;
  }

  async #observe(): Promise<Observation> {
    const { transport, probes, observing, signal } = this.#options;
    try {
      this.#session ??= await transport.connect(this.host, signal);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return { reachable: false, error: this.#named(error.diagnostic) };
    }
    return observeOne(this.#session, probes(this.host.name), observing);
  }

  #late(): Observation {
    const seconds = Math.max(1, Math.round((this.#now() - this.#askedAt) / 1000));
    return {
      reachable: false,
      error: this.#named({
        severity: 'error',
        code: 'no-answer',
        summary: `no answer for ${seconds} s`,
        hint: 'it is shown again as soon as it answers',
      }),
    };
  }

  #named(diagnostic: Diagnostic): Diagnostic {
    return { ...diagnostic, cluster: this.host.cluster, host: this.host.name };
  }
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
}
