import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Diagnostic, SourceSpan } from '../base/diagnostic.js';
import { err, ok, type Result } from '../base/result.js';
import { MAX_FILE_BYTES } from './limits.js';
import { type ParsedInventory, parseInventory } from './parse.js';
import type { SecretFile } from './secrets.js';
import { show } from './show.js';
import type { Environment } from './yaml/environment.js';
import { Spans } from './yaml/spans.js';

export { type ParsedInventory, parseInventory } from './parse.js';

export interface LoadOptions {
  readonly env: Environment;
  /** What standard input holds; default: read it. */
  readonly stdin?: () => string;
}

/**
 * Reads and parses an inventory. `-` is standard input. Fails with every mistake at once; only those about
 * the file as a whole have no place in it.
 */
export async function loadInventory(
  path: string,
  options: LoadOptions,
): Promise<Result<ParsedInventory, Diagnostic[]>> {
  const text = await readInventoryText(path, options);
  if (!text.ok) return text;
  const baseDir = path === '-' ? process.cwd() : dirname(resolve(path));
  return parseInventory(text.value, { file: path, baseDir, env: options.env });
}

/** The text alone, for whoever shows source lines: at most 1 MB of UTF-8, without a byte order mark. */
export async function readInventoryText(
  path: string,
  options: Pick<LoadOptions, 'stdin'>,
): Promise<Result<string, Diagnostic[]>> {
  const bytes = await readBytes(path, options);
  if (!bytes.ok) return bytes;
  if (bytes.value.length > MAX_FILE_BYTES) {
    return fail('too-large', `${name(path)} is larger than 1 MB: this is no inventory`);
  }
  return decode(path, bytes.value);
}

function name(path: string): string {
  return path === '-' ? 'standard input' : show(path);
}

function fail(
  code: string,
  summary: string,
  hint?: string,
  source?: SourceSpan,
): Result<never, Diagnostic[]> {
  return err([
    {
      severity: 'error',
      code,
      summary,
      ...(hint === undefined ? {} : { hint }),
      ...(source === undefined ? {} : { source }),
    },
  ]);
}

async function readBytes(
  path: string,
  { stdin }: Pick<LoadOptions, 'stdin'>,
): Promise<Result<Buffer, Diagnostic[]>> {
  try {
    if (path === '-') return ok(stdin ? Buffer.from(stdin()) : await readStart(process.stdin));
    if (path === '') return fail('no-file', 'the name of the inventory is empty');
    // One byte more than allowed tells too large; the rest of 10 MB is never read.
    return ok(await readStart(createReadStream(path, { end: MAX_FILE_BYTES })));
  } catch (error) {
    return fail('no-file', ...why(path, error));
  }
}

async function readStart(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    size += bytes.length;
    if (size > MAX_FILE_BYTES) break;
  }
  return Buffer.concat(chunks);
}

function why(path: string, error: unknown): [summary: string, hint?: string] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return [
        `there is no file ${show(path)}`,
        '"lbctl init" starts one; name another with "lbctl COMMAND FILE" or LBCTL_INVENTORY',
      ];
    case 'EISDIR':
      return [`${show(path)} is a directory`, 'name the inventory file in it'];
    case 'EACCES':
    case 'EPERM':
      return [`${show(path)} cannot be read: permission denied`];
    default:
      return [`${name(path)} cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function decode(path: string, bytes: Buffer): Result<string, Diagnostic[]> {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return fail('not-utf8', `${name(path)} is UTF-16`, 'save it as UTF-8', {
      file: path,
      line: 1,
      column: 1,
      length: 1,
    });
  }
  // Without a byte order mark, which TextDecoder takes away.
  const text = new TextDecoder().decode(bytes);
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    const at = text.indexOf('\ufffd');
    const span = new Spans(path, text).at(at, at + 1);
    return fail('not-utf8', `${name(path)} is not UTF-8 text`, 'save it as UTF-8', span);
  }
}

/** A secret's file as it is on this machine. Throws where it cannot be read. */
export async function readSecretFile(path: string): Promise<SecretFile> {
  const { mode } = await stat(path);
  return { text: await readFile(path, 'utf8'), worldReadable: (mode & 0o004) !== 0 };
}
