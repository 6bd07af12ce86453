import type { Diagnostic } from '../base/diagnostic.js';
import { chalkPaint } from './chalk-paint.js';
import { diagnosticLines } from './diagnostic-lines.js';

/**
 * `error: web/lb1: haproxy_config: summary`, the detail indented below it, then `hint: …`. With a source it begins
 * with `FILE:LINE:COLUMN:` instead. No line feed at the end.
 */
export function formatDiagnostic(diagnostic: Diagnostic, options: { readonly color: boolean }): string {
  return diagnosticLines(diagnostic, chalkPaint(options)).join('\n');
}
