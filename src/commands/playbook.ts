import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../base/errors.js';
import { EXIT } from '../base/exit-codes.js';
import { formatSourceDiagnostics } from '../inventory/print.js';
import type { Playbook } from '../playbook/model.js';
import { parsePlaybook } from '../playbook/parse.js';
import { readText } from './input.js';
import type { Io } from './options.js';

/** A playbook that lbctl brings along. */
export function shippedPlaybook(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  // From the bundle it is one step up, from the sources two.
  while (!existsSync(join(folder, 'playbooks', name)) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, 'playbooks', name);
}

/** Its mistakes are answered like the inventory's. @throws UserError */
export async function loadPlaybook(path: string, io: Io): Promise<Playbook> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new UserError(EXIT.badInput, [
      {
        severity: 'error',
        code: 'playbook-unreadable',
        summary: `the playbook ${path} cannot be read`,
        detail,
      },
    ]);
  }
  const result = parsePlaybook(text, path, dirname(resolve(path)));
  if (result.ok) return result.value;
  io.stderr.write(`${formatSourceDiagnostics(result.error, text)}\n`);
  throw new UserError(EXIT.badInput, []);
}
