import type { ExitCode } from '../base/exit-codes.js';
import { switchOver } from '../engine/switchover.js';
import type { Inventory } from '../inventory/model.js';
import { chooseClusters, wrongFlag } from './input.js';
import type { Io, SwitchoverOptions } from './options.js';
import { runClusters } from './run-clusters.js';

/** `lbctl switchover`: moves the virtual addresses to another host, planned, or back. */
export async function switchover(
  argument: string | undefined,
  options: SwitchoverOptions,
  io: Io,
): Promise<ExitCode> {
  return runClusters({ name: 'switchover', argument, options, io }, async (inventory) => {
    const to = targetOf(options, inventory);
    return (run) => switchOver({ ...run, to, force: options.force === true });
  });
}

/** @throws UserError */
function targetOf(
  { to, back, limit }: SwitchoverOptions,
  inventory: Inventory,
): { readonly host: string } | 'back' | null {
  if (to === undefined) return back === true ? 'back' : null;
  if (back === true) throw wrongFlag('switchover-flags', '--to and --back exclude each other');
  for (const { cluster } of chooseClusters(inventory, limit)) {
    if (cluster.hosts.some((host) => host.name === to)) continue;
    const known = cluster.hosts.map((host) => host.name).join(', ');
    throw wrongFlag(
      'switchover-to',
      `--to ${to}: cluster "${cluster.name}" has no such host (it has ${known})`,
      'choose clusters with --limit',
    );
  }
  return { host: to };
}
