import type { Diagnostic } from '../base/diagnostic.js';
import type { Paint } from './paint.js';
import { block, oneLine } from './sanitize.js';

/** A diagnostic as `formatDiagnostic` gives it, in the given colours; this file loads no chalk. */
export function diagnosticLines(diagnostic: Diagnostic, paint: Paint): string[] {
  const lines = [headline(diagnostic, paint)];
  if (diagnostic.detail) lines.push(...block(diagnostic.detail, '  '));
  if (diagnostic.hint) {
    const [first = '', ...rest] = block(diagnostic.hint, '        ');
    lines.push(`  ${paint.cyan('hint:')} ${first.trimStart()}`, ...rest);
  }
  return lines;
}

function headline(diagnostic: Diagnostic, paint: Paint): string {
  const summary = oneLine(diagnostic.summary);
  const isError = diagnostic.severity === 'error';
  if (diagnostic.source) {
    const { file, line, column } = diagnostic.source;
    const place = paint.bold(`${oneLine(file)}:${line}:${column}:`);
    return isError ? `${place} ${summary}` : `${place} ${paint.yellow('warning:')} ${summary}`;
  }
  const label = isError ? paint.red('error:') : paint.yellow('warning:');
  const where = [place(diagnostic), diagnostic.resource].filter((part) => part !== undefined);
  return [label, ...where.map((part) => `${oneLine(part)}:`), summary].join(' ');
}

function place({ cluster, host }: Diagnostic): string | undefined {
  return cluster !== undefined && host !== undefined ? `${cluster}/${host}` : (host ?? cluster);
}
