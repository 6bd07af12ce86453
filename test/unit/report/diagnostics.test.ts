import { expect, test } from 'vitest';
import type { Diagnostic } from '../../../src/base/diagnostic.js';
import { formatDiagnostic } from '../../../src/report/diagnostics.js';

const error: Diagnostic = { severity: 'error', code: 'a-code', summary: 'what is wrong' };
const source = { file: 'inventory.yaml', line: 3, column: 5 };

test.each<[Diagnostic, string]>([
  [error, 'error: what is wrong'],
  [{ ...error, severity: 'warning', cluster: 'web' }, 'warning: web: what is wrong'],
  [{ ...error, host: 'lb1' }, 'error: lb1: what is wrong'],
  [
    { ...error, cluster: 'web', host: 'lb1', resource: 'haproxy_config' },
    'error: web/lb1: haproxy_config: what is wrong',
  ],
  [{ ...error, source }, 'inventory.yaml:3:5: what is wrong'],
  [{ ...error, source, severity: 'warning' }, 'inventory.yaml:3:5: warning: what is wrong'],
  [
    { ...error, detail: 'first\n\n  second\x07\n', hint: 'do this\nthen that' },
    'error: what is wrong\n  first\n\n    second\\x07\n  hint: do this\n        then that',
  ],
  [{ ...error, summary: 'two\nlines\x1b[2J' }, 'error: two\\nlines\\x1b[2J'],
])('%j', (diagnostic, text) => {
  expect(formatDiagnostic(diagnostic, { color: false })).toBe(text);
});

test('colours', () => {
  expect(formatDiagnostic(error, { color: true })).toBe('\x1b[31merror:\x1b[39m what is wrong');
});
