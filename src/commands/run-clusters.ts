import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import type { ClusterRecap, Emit, HostRecap } from '../engine/events.js';
import type { ClusterResult } from '../engine/recap.js';
import type { Cluster, Inventory } from '../inventory/model.js';
import type { Transport } from '../transport/types.js';
import { type Chosen, chooseClusters, inventoryPath, load } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { lockWaitOf, parallelOf, stepLimitOf } from './numbers.js';
import type { GlobalOptions, Io } from './options.js';
import { openReporter, openTransport, whoAmI } from './run.js';

/** What a command gets for each of its clusters. */
export interface ClusterRun {
  readonly cluster: Cluster;
  /** Hosts that may be changed; null: all. */
  readonly limit: ReadonlySet<string> | null;
  readonly transport: Transport;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** user@machine */
  readonly who: string;
  /** `lbctl up` */
  readonly command: string;
  /** Seconds; null: each step's own. */
  readonly stepLimit: number | null;
  /** Seconds. */
  readonly lockWait: number;
}

export interface ClustersCommand {
  readonly name: string;
  readonly argument: string | undefined;
  readonly options: GlobalOptions;
  readonly io: Io;
}

/**
 * For commands that change clusters: loads the inventory, runs `act` on each chosen cluster, several at a time, tells
 * the events and the summary. `prepare` resolves what else is needed, before anything is contacted.
 * @throws UserError
 */
export async function runClusters(
  { name, argument, options, io }: ClustersCommand,
  prepare: (inventory: Inventory) => Promise<(run: ClusterRun) => Promise<ClusterResult>>,
): Promise<ExitCode> {
  const started = performance.now();
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, options);
  if (!loaded.ok) return EXIT.badInput;
  const { inventory } = loaded;
  const chosen = chooseClusters(inventory, options.limit);
  const limit = pLimit(parallelOf(options));
  const stepLimit = stepLimitOf(options) ?? null;
  const lockWait = lockWaitOf(options);
  const act = await prepare(inventory);

  const reporter = await openReporter(options, io);
  try {
    const emit = withLog(openLogFile(options), reporter.handle.bind(reporter));
    const transport = await openTransport(io, { inventory, options, emit, reporter });
    const clusters = chosen.map(({ cluster }) => ({
      name: cluster.name,
      hosts: cluster.hosts.map((host) => host.name),
    }));
    emit({ event: 'run', command: name, inventory: path, clusters });
    const given = { transport, emit, signal: io.interrupted, who: whoAmI(), command: `lbctl ${name}` };
    const results = await Promise.all(
      chosen.map((it) => limit(() => act({ ...it, ...given, stepLimit, lockWait }))),
    );
    const exit = worstExit([
      ...results.map((it) => it.exit),
      ...(io.interrupted.aborted ? [EXIT.interrupted] : []),
    ]);
    emit({
      event: 'summary',
      ok: exit === EXIT.ok,
      hosts: hostRecaps(chosen, results),
      clusters: clusterRecaps(chosen, results),
      duration_ms: Math.round(performance.now() - started),
    });
    return exit;
  } finally {
    await reporter.close();
  }
}

/** By host name, or `cluster/host` where a name occurs in two clusters. */
export function hostRecaps(
  chosen: readonly Chosen[],
  results: readonly ClusterResult[],
): Record<string, HostRecap> {
  const names = chosen.flatMap(({ cluster }) => cluster.hosts.map((host) => host.name));
  const twice = (name: string) => names.indexOf(name) !== names.lastIndexOf(name);
  return Object.fromEntries(
    chosen.flatMap(({ cluster }, index) =>
      Object.entries(results[index]?.hosts ?? {}).map(([name, recap]) => [
        twice(name) ? `${cluster.name}/${name}` : name,
        recap,
      ]),
    ),
  );
}

export function clusterRecaps(
  chosen: readonly Chosen[],
  results: readonly ClusterResult[],
): Record<string, ClusterRecap> {
  return Object.fromEntries(
    chosen.flatMap(({ cluster }, index) => {
      const result = results[index];
      if (result === undefined) return [];
      return [[cluster.name, { ok: result.exit === EXIT.ok, state: result.state, error: result.error }]];
    }),
  );
}
