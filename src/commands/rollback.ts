import type { ExitCode } from '../base/exit-codes.js';
import { rollbackCluster } from '../engine/rollback.js';
import { wholeNumber } from './input.js';
import type { Io, RollbackOptions } from './options.js';
import { revertAfterOf } from './run.js';
import { runClusters } from './run-clusters.js';

/** `lbctl rollback`: brings the clusters back to what they were before a run. */
export async function rollback(
  argument: string | undefined,
  options: RollbackOptions,
  io: Io,
): Promise<ExitCode> {
  return runClusters({ name: 'rollback', argument, options, io }, async () => {
    const to = wholeNumber('--to', options.to, { min: 0, max: 1_000_000 }) ?? null;
    const revertAfter = revertAfterOf(options);
    return (run) =>
      rollbackCluster({
        ...run,
        to,
        revertAfter,
        force: options.force === true,
        showDiff: options.diff === true,
        onFailure: options.rollback === false ? 'stop' : 'roll-back',
      });
  });
}
