import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { closeAll, connectAll } from '../engine/connect.js';
import { historyOf } from '../engine/history.js';
import { observeAll } from '../engine/observe-cluster.js';
import { observeOptions } from '../engine/prepare.js';
import { historyProbe } from '../resources/probes/history.js';
import { chooseClusters, inventoryPath, load, useColor } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { checkNumbers, parallelOf, stepLimitOf } from './numbers.js';
import type { HistoryOptions, Io } from './options.js';
import { emitToStderr, openTransport } from './run.js';

/** `lbctl history`: what runs have changed on the hosts. Touches nothing. */
export async function history(
  argument: string | undefined,
  options: HistoryOptions,
  io: Io,
): Promise<ExitCode> {
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, { ...options, quiet: true });
  if (!loaded.ok) return EXIT.badInput;
  const chosen = chooseClusters(loaded.inventory, options.limit);
  checkNumbers(options);
  const limit = pLimit(parallelOf(options));
  const stepLimit = stepLimitOf(options) ?? null;
  const log = openLogFile(options);
  const emit = withLog(log, emitToStderr(io));
  const transport = await openTransport(io, { inventory: loaded.inventory, options, emit });
  const clusters = await Promise.all(
    chosen.map(({ cluster }) =>
      limit(async () => {
        const connected = await connectAll(cluster, transport, io.interrupted);
        try {
          const asked = observeOptions({ signal: io.interrupted, stepLimit });
          return historyOf(cluster, await observeAll(connected, () => [historyProbe], asked));
        } finally {
          closeAll(connected);
        }
      }),
    ),
  );
  log({ event: 'history', inventory: path, clusters });
  if (options.json === true) {
    const { toJson } = await import('../report/ndjson.js');
    io.stdout.write(`${toJson({ clusters }, 2)}\n`);
  } else {
    const { formatHistory } = await import('../report/history.js');
    const color = useColor(io, options, io.stdout);
    const diff = options.diff !== false && options.quiet !== true;
    io.stdout.write(`${formatHistory({ clusters }, { color, diff })}\n`);
  }
  const codes = clusters.flatMap(({ problems }) => problems.map(({ code }) => code));
  return worstExit([
    ...(codes.includes('host_unreachable') ? [EXIT.unreachable] : []),
    ...(codes.includes('history_unknown') ? [EXIT.failed] : []),
    ...(io.interrupted.aborted ? [EXIT.interrupted] : []),
  ]);
}
