import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { closeAll, connectAll } from '../engine/connect.js';
import type { ClusterStatus, StatusDocument } from '../engine/documents.js';
import { inspection } from '../engine/inspect.js';
import { observeAll } from '../engine/observe-cluster.js';
import { observeOptions } from '../engine/prepare.js';
import { watchCluster } from '../engine/watch.js';
import type { Cluster } from '../inventory/model.js';
import type { Playbook } from '../playbook/model.js';
import type { Transport } from '../transport/types.js';
import { chooseClusters, inventoryPath, load, useColor, wholeNumber, wrongFlag } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { checkNumbers, parallelOf, stepLimitOf } from './numbers.js';
import type { Io, StatusOptions } from './options.js';
import { loadPlaybook, shippedPlaybook } from './playbook.js';
import { emitToStderr, openTransport } from './run.js';
import { watchStatus } from './status-watch.js';

/** Seconds between two looks of `--watch` where `--interval` does not say. */
const INTERVAL = 2;
/** Milliseconds that a look of `--watch` waits for a host before it shows the others without it. */
const PATIENCE = 4000;

interface Looking {
  readonly clusters: readonly Cluster[];
  readonly playbook: Playbook;
  readonly transport: Transport;
  readonly options: StatusOptions;
  readonly io: Io;
  /** Writes to the log what was seen. */
  readonly tell: (document: StatusDocument) => void;
}

/** `lbctl status`: who holds each virtual address, and whether the pair could take a failure right now. */
export async function status(
  argument: string | undefined,
  options: StatusOptions,
  io: Io,
): Promise<ExitCode> {
  const interval = intervalOf(options);
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, { ...options, quiet: true });
  if (!loaded.ok) return EXIT.badInput;
  const clusters = chooseClusters(loaded.inventory, options.limit).map((it) => it.cluster);
  checkNumbers(options);
  const playbook = await loadPlaybook(options.playbook ?? shippedPlaybook('up.yaml'), io, options);
  const log = openLogFile(options);
  const emit = withLog(log, emitToStderr(io));
  const transport = await openTransport(io, { inventory: loaded.inventory, options, emit });
  const tell = (document: StatusDocument) => log({ event: 'status', inventory: path, ...document });
  const looking: Looking = { clusters, playbook, transport, options, io, tell };
  return options.watch === true ? watch(looking, interval ?? INTERVAL) : once(looking);
}

async function once({ clusters, playbook, transport, options, io, tell }: Looking): Promise<ExitCode> {
  const limit = pLimit(parallelOf(options));
  const stepLimit = stepLimitOf(options) ?? null;
  const found = await Promise.all(
    clusters.map((cluster) =>
      limit(async () => {
        const connected = await connectAll(cluster, transport, io.interrupted);
        try {
          const { probes, judge } = inspection(cluster, playbook);
          return judge(
            await observeAll(connected, probes, observeOptions({ signal: io.interrupted, stepLimit })),
          );
        } finally {
          closeAll(connected);
        }
      }),
    ),
  );
  tell({ clusters: found });
  await print({ clusters: found }, options, io);
  return worstExit([...found.map(exitOf), ...(io.interrupted.aborted ? [EXIT.interrupted] : [])]);
}

async function watch(
  { clusters, playbook, transport, options, io, tell }: Looking,
  interval: number,
): Promise<ExitCode> {
  const limit = pLimit(parallelOf(options));
  const observing = observeOptions({ signal: io.interrupted, stepLimit: stepLimitOf(options) ?? null });
  const watched = clusters.map((cluster) => {
    const { probes, judge } = inspection(cluster, playbook);
    const hosts = watchCluster(cluster, {
      transport,
      probes,
      observing,
      signal: io.interrupted,
      patience: PATIENCE,
    });
    return { look: async () => judge(await hosts.look()), close: () => hosts.close() };
  });
  const look = async () => ({ clusters: await Promise.all(watched.map((it) => limit(it.look))) });
  try {
    return await watchStatus({ options, io, interval, look, tell });
  } finally {
    for (const it of watched) it.close();
  }
}

/** An unreachable host is named as such, whatever follows from it for the pair. */
function exitOf({ state, hosts }: ClusterStatus): ExitCode {
  if (hosts.some((host) => !host.reachable)) return EXIT.unreachable;
  return state === 'healthy' ? EXIT.ok : EXIT.unhealthy;
}

/** @throws UserError */
function intervalOf({ watch, interval, prometheus, json }: StatusOptions): number | undefined {
  if (json === true && prometheus === true)
    throw wrongFlag(
      'bad-flag',
      '--json and --prometheus are two answers to the same question: give one of them',
    );
  if (watch === true && prometheus === true)
    throw wrongFlag('bad-flag', '--prometheus prints one look: leave out --watch, and run it from a timer');
  if (interval !== undefined && watch !== true) throw wrongFlag('bad-flag', '--interval goes with --watch');
  return wholeNumber('--interval', interval, { min: 1, max: 86_400 });
}

async function print(document: StatusDocument, options: StatusOptions, io: Io): Promise<void> {
  if (options.json === true) {
    const { toJson } = await import('../report/ndjson.js');
    io.stdout.write(`${toJson(document, 2)}\n`);
    return;
  }
  if (options.prometheus === true) {
    const { formatPrometheus } = await import('../report/prometheus.js');
    io.stdout.write(formatPrometheus(document));
    return;
  }
  const unhealthy = { clusters: document.clusters.filter((it) => it.state !== 'healthy') };
  const shown = options.quiet === true ? unhealthy : document;
  if (shown.clusters.length === 0) return;
  const { formatStatus } = await import('../report/status.js');
  io.stdout.write(`${formatStatus(shown, { color: useColor(io, options, io.stdout) })}\n`);
}
