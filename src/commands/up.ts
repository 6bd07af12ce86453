import type { ExitCode } from '../base/exit-codes.js';
import { convergeCluster } from '../engine/converge.js';
import { authPassOf, secretsOf } from './input.js';
import type { Io, UpOptions } from './options.js';
import { plan } from './plan.js';
import { loadPlaybook, shippedPlaybook } from './playbook.js';
import { revertAfterOf } from './run.js';
import { runClusters } from './run-clusters.js';

/** `lbctl up`: builds or converges every cluster, standby first, then verifies it. */
export async function up(argument: string | undefined, options: UpOptions, io: Io): Promise<ExitCode> {
  if (options.check === true) return plan(argument, options, io);
  return runClusters({ name: 'up', argument, options, io }, async (inventory) => {
    const revertAfter = revertAfterOf(options);
    const playbook = await loadPlaybook(options.playbook ?? shippedPlaybook('up.yaml'), io, options);
    const secrets = await secretsOf(inventory, io);
    return (run) =>
      convergeCluster({
        ...run,
        playbook,
        authPass: authPassOf(run.cluster, secrets),
        force: options.force === true,
        showDiff: options.diff === true,
        revertAfter,
        onFailure: options.rollback === false ? 'stop' : 'roll-back',
      });
  });
}
