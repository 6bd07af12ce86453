import type { Diagnostic } from '../base/diagnostic.js';
import { hasErrors } from '../base/diagnostic.js';
import { err, ok, type Result } from '../base/result.js';
import { checkVirtualAddresses } from './check/addresses.js';
import { checkHosts } from './check/hosts.js';
import { checkPorts, checkServerLoops } from './check/ports.js';
import { checkRouterIds } from './check/router-ids.js';
import { checkRoutes } from './check/routes.js';
import { checkVrrp } from './check/vrrp.js';
import type { Inventory } from './model.js';
import { Places } from './places.js';
import { Problems } from './problems.js';
import { readInventory } from './read/inventory.js';
import type { Environment } from './yaml/environment.js';
import { readYaml } from './yaml/read.js';
import { Spans } from './yaml/spans.js';

export interface ParsedInventory {
  readonly inventory: Inventory;
  /** Severity `warning`, in the order of the file. */
  readonly warnings: readonly Diagnostic[];
}

export interface ParseOptions {
  /** The file's name as the user gave it, for messages. */
  readonly file: string;
  /** Absolute: relative paths in the inventory start here. */
  readonly baseDir: string;
  /** For `${NAME}`, and HOME for `~`. */
  readonly env: Environment;
}

/**
 * Text to inventory, without touching anything. Fails with every mistake at once, in the order of the file,
 * each with its place; warnings are among them.
 */
export function parseInventory(
  written: string,
  options: ParseOptions,
): Result<ParsedInventory, Diagnostic[]> {
  // A byte order mark is no character of the file: columns count without it.
  const text = written.replace(/^\ufeff/, '');
  const { file, baseDir, env } = options;
  const problems = new Problems();
  const spans = new Spans(file, text);
  const nul = text.indexOf('\0');
  if (nul !== -1) {
    problems.error(spans.at(nul, nul + 1), 'not-text', 'there is a NUL character: this is not a text file');
    return err(problems.sorted());
  }
  if (text.split('\n').every(saysNothing)) {
    const hint = 'see inventory/minimal.yaml for the smallest inventory';
    problems.error(spans.at(0, 0), 'empty', 'the inventory is empty', hint);
    return err(problems.sorted());
  }
  const tree = readYaml(spans, env, problems);
  if (tree === undefined) return err(problems.sorted());
  const places = new Places();
  const inventory = readInventory({ problems, places, baseDir, home: env.HOME }, file, tree);
  checkInventory(inventory, places, problems);
  const diagnostics = problems.sorted();
  return hasErrors(diagnostics) ? err(diagnostics) : ok({ inventory, warnings: diagnostics });
}

function saysNothing(line: string): boolean {
  const rest = line.replaceAll('\ufeff', '').trim();
  return rest === '' || rest === '---' || rest === '...' || rest.startsWith('#');
}

function checkInventory(inventory: Inventory, places: Places, problems: Problems): void {
  checkHosts(inventory, places, problems);
  checkVirtualAddresses(inventory, places, problems);
  checkRouterIds(inventory, places, problems);
  for (const cluster of inventory.clusters) {
    checkVrrp(cluster, places, problems);
    checkPorts(cluster, places, problems);
    checkServerLoops(cluster, places, problems);
    checkRoutes(cluster, places, problems);
  }
}
