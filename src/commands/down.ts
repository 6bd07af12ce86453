import { UserError } from '../base/errors.js';
import { EXIT, type ExitCode } from '../base/exit-codes.js';
import { downCluster } from '../engine/down.js';
import { confirmer } from './confirm.js';
import { type Chosen, chooseClusters } from './input.js';
import type { DownOptions, Io } from './options.js';
import { runClusters } from './run-clusters.js';

/** `lbctl down`: takes the pairs apart; their hosts become what they were before lbctl. */
export async function down(argument: string | undefined, options: DownOptions, io: Io): Promise<ExitCode> {
  const confirm = await confirmer('lbctl down', options, io);
  return runClusters({ name: 'down', argument, options, io }, async (inventory) => {
    for (const chosen of chooseClusters(inventory, options.limit)) {
      if (await confirm(questionFor(chosen, options))) continue;
      const summary = 'not confirmed; nothing was changed';
      throw new UserError(EXIT.failed, [{ severity: 'error', code: 'not-confirmed', summary }]);
    }
    return (run) =>
      downCluster({
        ...run,
        force: options.force === true,
        packages: options.purge === true ? 'remove' : 'keep',
        revertAfter: null,
      });
  });
}

function questionFor({ cluster, limit }: Chosen, { purge }: DownOptions): string {
  const hosts = cluster.hosts.map(({ name }) => name).filter((name) => limit?.has(name) ?? true);
  const packages = purge === true ? ' The packages that were not there before are removed.' : '';
  return `Take cluster ${cluster.name} apart, and make ${hosts.join(' and ')} what they were before lbctl? The history of their runs goes.${packages}`;
}
