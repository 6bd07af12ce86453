import { EXIT, type ExitCode } from '../base/exit-codes.js';
import { inventoryPath, load } from './input.js';
import type { GlobalOptions, Io } from './options.js';

/** `lbctl validate`: checks the inventory; nothing is contacted. */
export async function validate(
  argument: string | undefined,
  options: GlobalOptions,
  io: Io,
): Promise<ExitCode> {
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, options);
  if (!loaded.ok) {
    if (options.json === true) io.stdout.write(`${JSON.stringify({ valid: false })}\n`);
    return EXIT.badInput;
  }
  const { clusters } = loaded.inventory;
  const hosts = clusters.reduce((sum, cluster) => sum + cluster.hosts.length, 0);
  if (options.json === true) {
    io.stdout.write(
      `${JSON.stringify({ valid: true, clusters: clusters.length, hosts, warnings: loaded.warnings })}\n`,
    );
  } else if (options.quiet !== true) {
    const counts = [`${clusters.length} cluster${clusters.length === 1 ? '' : 's'}`, `${hosts} hosts`];
    if (loaded.warnings > 0) counts.push(`${loaded.warnings} warning${loaded.warnings === 1 ? '' : 's'}`);
    io.stdout.write(`${path} is valid: ${counts.join(', ')}\n`);
  }
  return EXIT.ok;
}
