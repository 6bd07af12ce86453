import { createHash } from 'node:crypto';
import { Fields } from '../inventory/read/fields.js';
import { show } from '../inventory/show.js';
import type { Entry } from '../inventory/yaml/tree.js';
import type { FileBody, OwnFile } from '../resources/own-task.js';
import type { PlaybookContext } from './context.js';
import { readLines } from './lines.js';
import { hostPathProblem, modeProblem, ourPathHint, ownerProblem, textProblem } from './own-words.js';

/** Bytes up to which a text is compared line by line; longer ones go by their hash. */
const LONGEST_TEXT = 256 * 1024;

/** Bytes. A file travels inside a script. */
export const LARGEST_FILE = 16 * 1024 * 1024;

const KEYS = ['path', 'source', 'content', 'mode', 'owner', 'group', 'secret'];

/** `file: { path, source | content, mode, owner, group }`; the source is read here. */
export function readOwnFile(context: PlaybookContext, entry: Entry): OwnFile | undefined {
  const { problems } = context;
  const fields = Fields.open(context, entry, KEYS);
  if (fields === undefined) return undefined;
  fields.required('path', '"file"', 'where it goes on the host');
  const path = fields.text('path', hostPathProblem);
  const ours = path && ourPathHint(path.value);
  if (path !== undefined && ours !== undefined) {
    problems.error(path.span, 'managed-by-lbctl', `${show(path.value)} is lbctl's own file`, ours);
  }
  const mode = fields.text('mode', modeProblem)?.value ?? '0644';
  const owner = fields.text('owner', ownerProblem)?.value ?? 'root';
  const group = fields.text('group', ownerProblem)?.value ?? 'root';
  const secret = fields.boolean('secret')?.value ?? false;
  const body = readBody(context, fields, secret);
  if (path === undefined || body === undefined) return undefined;
  return { type: 'file', path: path.value, body, mode: mode.padStart(4, '0'), owner, group };
}

function readBody(context: PlaybookContext, fields: Fields, secret: boolean): FileBody | undefined {
  const { problems } = context;
  const given = ['source', 'content'].filter((key) => fields.given(key));
  if (given.length === 2) {
    const span = fields.entry('content')?.keySpan ?? fields.span;
    problems.error(span, 'exclusive-keys', '"source" and "content" exclude each other');
  }
  if (given.length === 0 && !fields.meant.has('source') && !fields.meant.has('content')) {
    const hint = 'source: a file on this machine; content: the text itself';
    problems.error(fields.span, 'missing-key', '"file" needs "source" or "content"', hint);
  }
  const text = readLines(fields, 'content', textProblem);
  const source = fields.path('source');
  if (text !== undefined) return { kind: 'text', text, secret };
  if (source === undefined) return undefined;
  const bytes = context.readSource(source.value);
  if (bytes.ok) return bodyOf(bytes.value, secret);
  problems.error(
    source.span,
    'source-file',
    `${show(source.value)} ${bytes.error}`,
    "a relative path starts at the playbook's folder",
  );
  return undefined;
}

function bodyOf(bytes: Buffer, secret: boolean): FileBody {
  const text = bytes.length <= LONGEST_TEXT && !bytes.includes(0) ? decode(bytes) : undefined;
  if (text !== undefined) return { kind: 'text', text, secret };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { kind: 'bytes', base64: bytes.toString('base64'), sha256, size: bytes.length };
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
