import type { Diagnostic, SourceSpan } from '../base/diagnostic.js';
import { printable } from './show.js';

export interface PrintOptions {
  readonly color?: boolean;
}

/** Characters of the source line that are shown around the place. */
const WINDOW = 100;
/** A longer line was not written by a person. */
const LONGEST_LINE = 4000;

/**
 * `FILE:LINE:COLUMN: message`, the source line, a caret under the place, and the hint. Nothing of the file
 * reaches the terminal raw, and no line shows the value of a password.
 * @param sourceText the whole file that the diagnostic's place is in
 */
export function formatSourceDiagnostic(
  diagnostic: Diagnostic,
  sourceText: string,
  options: PrintOptions = {},
): string {
  const { severity, summary, detail, hint, source } = diagnostic;
  const paint = painter(options.color === true);
  const place = source && `${printable(source.file)}:${source.line}:${source.column}: `;
  const label = severity === 'warning' ? paint('33', 'warning: ') : '';
  const out = [`${paint('1', place ?? '')}${label}${printable(summary)}`];
  if (source !== undefined) out.push(...frame(source, sourceText, paint));
  if (detail !== undefined) out.push(...detail.split('\n').map((line) => `  ${printable(line)}`));
  if (hint !== undefined) out.push(`  ${paint('36', 'hint:')} ${printable(hint)}`);
  return out.join('\n');
}

/** All of them, an empty line between each two. */
export function formatSourceDiagnostics(
  diagnostics: readonly Diagnostic[],
  sourceText: string,
  options: PrintOptions = {},
): string {
  return diagnostics.map((each) => formatSourceDiagnostic(each, sourceText, options)).join('\n\n');
}

type Paint = (codes: string, text: string) => string;

function painter(color: boolean): Paint {
  return (codes, text) => (color && text !== '' ? `\u001b[${codes}m${text}\u001b[0m` : text);
}

function frame(source: SourceSpan, sourceText: string, paint: Paint): string[] {
  const lines = sourceText.replace(/^\ufeff/, '').split('\n', source.line);
  if (lines.length < source.line) return [];
  const written = (lines[source.line - 1] ?? '').replace(/\r$/, '');
  if (written.length > LONGEST_LINE) return [];
  const previous = lines.slice(0, -1).findLast((line) => line.trim() !== '') ?? '';
  const line = hideSecrets(written, previous);
  const column = source.column - 1;
  const from = Math.max(0, Math.min(column - WINDOW / 2, line.length - WINDOW));
  const to = from + WINDOW;
  const lead = (from > 0 ? '…' : '') + visible(line.slice(from, column));
  const place = visible(line.slice(column, Math.min(column + (source.length ?? 1), to)));
  const rest =
    visible(line.slice(Math.min(column + (source.length ?? 1), to), to)) + (line.length > to ? '…' : '');
  const gutter = String(source.line);
  const caret = '^'.repeat(Math.max(1, width(place)));
  return [
    `${paint('2', `  ${gutter} | `)}${lead}${place}${rest}`,
    `${paint('2', `  ${' '.repeat(gutter.length)} | `)}${' '.repeat(width(lead))}${paint('31', caret)}`,
  ];
}

function visible(text: string): string {
  return printable(text.replaceAll('\t', ' '));
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;

/** Columns on a terminal: Chinese, Japanese and Korean characters take two. */
function width(text: string): number {
  let columns = 0;
  for (const char of text) columns += WIDE.test(char) ? 2 : 1;
  return columns;
}

const SECRET_KEY = /(?:auth_pass|password)["']?\s*:/g;

/** The value behind a secret's key as asterisks, unless it is one of the forms in braces or an alias. */
function hideSecrets(line: string, previous: string): string {
  if (
    /(?:auth_pass|password)["']?\s*:\s*(?:&\S+\s*)?(?:[|>][-+0-9]*)?\s*(?:#.*)?$/.test(previous) &&
    !/^\s*[\w-]+\s*:/.test(line)
  ) {
    return line.replace(/[^\s]/g, '*');
  }
  let result = line;
  for (const match of line.matchAll(SECRET_KEY)) {
    const start = match.index + match[0].length;
    const value = /^\s*(?:&\S+\s+)?("(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?|[^\s{*|>#'",}][^,}#]*)/.exec(
      line.slice(start),
    );
    const found = value?.[1];
    if (value === null || found === undefined || /^(?:null|~)\s*$/.test(found)) continue;
    const at = start + value[0].length - found.length;
    result =
      result.slice(0, at) + '*'.repeat(found.trimEnd().length) + result.slice(at + found.trimEnd().length);
  }
  return result;
}
