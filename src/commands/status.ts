import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { closeAll, connectAll } from '../engine/connect.js';
import type { ClusterStatus, StatusDocument } from '../engine/documents.js';
import { inspection } from '../engine/inspect.js';
import { observeAll } from '../engine/observe-cluster.js';
import { observeOptions } from '../engine/prepare.js';
import { chooseClusters, inventoryPath, load, useColor, wrongFlag } from './input.js';
import type { Io, StatusOptions } from './options.js';
import { loadPlaybook, shippedPlaybook } from './playbook.js';
import { emitToStderr, openTransport, parallelOf, stepLimitOf } from './run.js';

/** `lbctl status`: who holds each virtual address, and whether the pair could take a failure right now. */
export async function status(
  argument: string | undefined,
  options: StatusOptions,
  io: Io,
): Promise<ExitCode> {
  if (options.json === true && options.prometheus === true)
    throw wrongFlag(
      'bad-flag',
      '--json and --prometheus are two answers to the same question: give one of them',
    );
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, { ...options, quiet: true });
  if (!loaded.ok) return EXIT.badInput;
  const chosen = chooseClusters(loaded.inventory, options.limit);
  const playbook = await loadPlaybook(options.playbook ?? shippedPlaybook('up.yaml'), io);
  const limit = pLimit(parallelOf(options));
  const stepLimit = stepLimitOf(options) ?? null;
  const transport = await openTransport(io, { inventory: loaded.inventory, options, emit: emitToStderr(io) });
  const clusters = await Promise.all(
    chosen.map(({ cluster }) =>
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
  await print({ clusters }, options, io);
  return worstExit([...clusters.map(exitOf), ...(io.interrupted.aborted ? [EXIT.interrupted] : [])]);
}

/** An unreachable host is named as such, whatever follows from it for the pair. */
function exitOf({ state, hosts }: ClusterStatus): ExitCode {
  if (hosts.some((host) => !host.reachable)) return EXIT.unreachable;
  return state === 'healthy' ? EXIT.ok : EXIT.unhealthy;
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
