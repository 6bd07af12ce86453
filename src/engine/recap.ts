import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT, type ExitCode } from '../base/exit-codes.js';
import type { Cluster } from '../inventory/model.js';
import type { ClusterPlan } from '../planning/types.js';
import type { Emit, HostRecap } from './events.js';
import type { HostResult } from './execute.js';

export interface ClusterResult {
  readonly exit: ExitCode;
  readonly hosts: Readonly<Record<string, HostRecap>>;
  readonly state: string | null;
  readonly error: string | null;
}

/** What the run did on each host, for the summary. */
export class Recap {
  readonly #changed = new Map<string, Set<string>>();
  readonly #errors = new Map<string, string>();
  readonly #unreachable = new Set<string>();
  readonly #back = new Set<string>();
  readonly #left = new Set<string>();

  constructor(readonly input: { readonly cluster: Cluster; readonly emit: Emit }) {}

  diagnose(diagnostic: Diagnostic): void {
    this.input.emit({ event: 'diagnostic', diagnostic });
    if (
      diagnostic.severity === 'error' &&
      diagnostic.host !== undefined &&
      !this.#errors.has(diagnostic.host)
    ) {
      this.#errors.set(diagnostic.host, diagnostic.summary);
    }
  }

  unreachable(diagnostic: Diagnostic): void {
    this.diagnose(diagnostic);
    if (diagnostic.host !== undefined) this.#unreachable.add(diagnostic.host);
  }

  took(result: HostResult): void {
    const changed = this.#changed.get(result.host) ?? new Set();
    for (const resource of result.changed) changed.add(resource);
    this.#changed.set(result.host, changed);
    if (result.error !== null) this.diagnose(result.error);
  }

  /** The hosts are as they were before the run: nothing of it is left on them. */
  rolledBack(hosts: Iterable<string>): void {
    for (const host of hosts) {
      this.#changed.delete(host);
      this.#back.add(host);
    }
  }

  notRun(batches: ClusterPlan['batches']): void {
    const { cluster, emit } = this.input;
    for (const { play, work } of batches) {
      for (const { host, items } of work) {
        this.#left.add(host);
        for (const { resource, title } of items) {
          emit({ event: 'task', cluster: cluster.name, host, play, resource, title, state: 'not-run' });
        }
      }
    }
  }

  end(exit: ExitCode, state: string | null, error: string | null): ClusterResult {
    const hosts = this.input.cluster.hosts.map(({ name }) => {
      const changed = resourcesOf(this.#changed.get(name) ?? new Set());
      const failure = this.#errors.get(name) ?? null;
      const status = this.#unreachable.has(name)
        ? 'unreachable'
        : failure !== null
          ? 'failed'
          : changed.length > 0
            ? 'changed'
            : this.#left.has(name) || this.#back.has(name) || (exit !== EXIT.ok && exit !== EXIT.unhealthy)
              ? 'skipped'
              : 'ok';
      const back = this.#back.has(name) ? ({ rolled_back: true } as const) : {};
      return [name, { status, changed, error: failure, ...back }] as const;
    });
    return { exit, hosts: Object.fromEntries(hosts), state, error };
  }
}

/** Without the handlers; but a service that was merely given a reload that it had missed was changed by that. */
function resourcesOf(done: ReadonlySet<string>): string[] {
  const resources = [...done].filter((it) => !it.includes(' '));
  if (resources.length > 0) return resources;
  return [...done]
    .flatMap((it) => /^reload (\S+)$/.exec(it)?.[1] ?? [])
    .map((service) => `service:${service}`);
}
