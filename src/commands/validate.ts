import { EXIT, type ExitCode } from '../base/exit-codes.js';
import { chooseClusters, inventoryPath, load } from './input.js';
import { openLogFile } from './log-file.js';
import { checkNumbers } from './numbers.js';
import type { GlobalOptions, Io } from './options.js';

/** `lbctl validate`: checks the inventory; nothing is contacted. */
export async function validate(
  argument: string | undefined,
  options: GlobalOptions,
  io: Io,
): Promise<ExitCode> {
  const path = inventoryPath(argument, io.env);
  const log = openLogFile(options);
  checkNumbers(options);
  const loaded = await load(path, io, options);
  if (!loaded.ok) {
    log({ event: 'validate', inventory: path, valid: false, problems: loaded.problems });
    if (options.json === true) io.stdout.write(`${JSON.stringify({ valid: false })}\n`);
    return EXIT.badInput;
  }
  const { clusters } = loaded.inventory;
  chooseClusters(loaded.inventory, options.limit);
  const hosts = clusters.reduce((sum, cluster) => sum + cluster.hosts.length, 0);
  const found = { valid: true, clusters: clusters.length, hosts, warnings: loaded.warnings };
  log({ event: 'validate', inventory: path, ...found, problems: loaded.problems });
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(found)}\n`);
  } else if (options.quiet !== true) {
    const counts = [`${clusters.length} cluster${clusters.length === 1 ? '' : 's'}`, `${hosts} hosts`];
    if (loaded.warnings > 0) counts.push(`${loaded.warnings} warning${loaded.warnings === 1 ? '' : 's'}`);
    io.stdout.write(`${path} is valid: ${counts.join(', ')}\n`);
  }
  return EXIT.ok;
}
