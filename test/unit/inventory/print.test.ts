import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseInventory } from '../../../src/inventory/load.js';
import { formatSourceDiagnostic, formatSourceDiagnostics } from '../../../src/inventory/print.js';
import { BASE, change, OPTIONS } from './helpers.js';

const GOLDEN = new URL('golden/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, GOLDEN), 'utf8');

function printed(text: string, color = false): string {
  const result = parseInventory(text, OPTIONS);
  return formatSourceDiagnostics(result.ok ? result.value.warnings : result.error, text, { color });
}

describe('the answer to a wrong inventory', () => {
  it('is every mistake at once', async () => {
    await expect(`${printed(read('mistakes.yaml'))}\n`).toMatchFileSnapshot('golden/mistakes.txt');
  });

  it('has colours when asked', () => {
    const text = change('bind: [80]', 'bind: [0]');
    expect(printed(text, true)).toBe(
      [
        '\u001b[1minventory.yaml:11:24: \u001b[0ma port must be a whole number from 1 to 65535, not "0"',
        '\u001b[2m  11 | \u001b[0m        main: { bind: [0], default_backend: app }',
        `\u001b[2m     | \u001b[0m${' '.repeat(23)}\u001b[31m^\u001b[0m`,
      ].join('\n'),
    );
  });

  it('shows a window of a long line', () => {
    const text = change('bind: [80]', `bind: [80], lines: ["${'x '.repeat(200)}"], mode: no`);
    const [, line = '', caret = ''] = printed(text).split('\n');
    expect(line.length).toBeLessThan(120);
    expect(line.slice(caret.indexOf('^'))).toMatch(/^no/);
  });

  it('works without a place, and with one that the text does not have', () => {
    const diagnostic = {
      severity: 'error',
      code: 'x',
      summary: 'no\u001b[31m',
      detail: 'a\nb\u0007',
    } as const;
    expect(formatSourceDiagnostic(diagnostic, '')).toBe('no\\u001b[31m\n  a\n  b\\u0007');
    const source = { file: 'f', line: 9, column: 1, length: 1 };
    expect(formatSourceDiagnostic({ severity: 'error', code: 'x', summary: 'no', source }, 'a\n')).toBe(
      'f:9:1: no',
    );
  });
});

describe('a password', () => {
  it.each([
    '        auth_pass: geheim1234\n',
    '        auth_pass: "geheim 12"\n',
    "        auth_pass: 'geheim''1'\n",
    '        auth_pass: &pw geheim1234\n',
    '        auth_pass:\n          geheim1234\n',
    '        auth_pass: |\n          geheim1\n          geheim2\n',
    '        auth_pass: "geheim\n',
    '        auth_pass: @geheim\n',
    '        auth_pass: geheim: x\n',
    '        "auth_pass": geheim12, x: [\n',
    '        auth_pass: geheim12\n        <<: { auth_pass: geheim13, prio: 1 }\n',
  ])('is not in the answer to %j', (lines) => {
    const text = change('        virtual_ipaddress', `${lines}        virtual_ipaddress`);
    expect(printed(text)).not.toBe('');
    expect(printed(text)).not.toContain('geheim');
  });

  it('of sudo is not either', () => {
    const text = `ssh: { become: { password: geheim, methd: x } }\n${BASE}`;
    expect(printed(text)).toContain('password: ******, methd: x');
  });

  it('leaves the forms that hold none as they are', () => {
    const text = change(
      '        virtual_ipaddress',
      '        auth_pass: { env: PW, file: x }\n        virtual_ipaddress',
    );
    expect(printed(text)).toContain('auth_pass: { env: PW, file: x }');
  });
});
