import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '../base/errors.js';
import { EXIT } from '../base/exit-codes.js';
import { err, ok, type Result } from '../base/result.js';
import { formatSourceDiagnostics } from '../inventory/print.js';
import type { Playbook } from '../playbook/model.js';
import { LARGEST_FILE } from '../playbook/own-file.js';
import { parsePlaybook } from '../playbook/parse.js';
import { home, readText, useColor } from './input.js';
import type { GlobalOptions, Io } from './options.js';
import { shippedFile } from './shipped.js';

/** A playbook that lbctl brings along. */
export function shippedPlaybook(name: string): string {
  return shippedFile('playbooks', name);
}

/** Its mistakes are answered like the inventory's. @throws UserError */
export async function loadPlaybook(path: string, io: Io, options: GlobalOptions): Promise<Playbook> {
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
  const result = parsePlaybook(text, path, dirname(resolve(path)), {
    home: home(io.env),
    readSource,
  });
  if (result.ok) return result.value;
  const color = useColor(io, options, io.stderr);
  io.stderr.write(`${formatSourceDiagnostics(result.error, text, { color })}\n`);
  throw new UserError(EXIT.badInput, []);
}

/** A file that a task of the playbook sends to the hosts. Nothing is contacted yet. */
function readSource(path: string): Result<Buffer, string> {
  try {
    const found = statSync(path);
    if (found.isDirectory()) return err('is a directory; name one file');
    if (!found.isFile()) return err('is no regular file');
    if (found.size > LARGEST_FILE) return err(`is larger than ${LARGEST_FILE / 1024 / 1024} MB`);
    return ok(readFileSync(path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return err('does not exist');
    if (code === 'EACCES') return err('cannot be read: permission denied');
    return err(`cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
