import { readFile, writeFile } from 'node:fs/promises';
import { EXIT, type ExitCode } from '../base/exit-codes.js';
import { wrongFlag } from './input.js';
import type { Io } from './options.js';
import { shippedFile } from './shipped.js';

/** `lbctl init [FILE]`: writes the smallest useful inventory. Never over a file that is there. */
export async function init(argument: string | undefined, io: Io): Promise<ExitCode> {
  const path = argument ?? './inventory.yaml';
  const text = await readFile(shippedFile('inventory', 'minimal.yaml'), 'utf8');
  if (path === '-') {
    io.stdout.write(text);
    return EXIT.ok;
  }
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'EEXIST'
        ? 'it exists already'
        : String(error);
    throw wrongFlag('init', `${path} was not written: ${reason}`, 'name another file: `lbctl init FILE`');
  }
  io.stdout.write(`${path} written: put in your own addresses, then \`lbctl validate ${path}\`\n`);
  return EXIT.ok;
}
