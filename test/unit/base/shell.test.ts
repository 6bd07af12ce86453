import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { joinCommands, quote, raw, sh } from '../../../src/base/shell.js';
import { Text } from '../../../src/base/text.js';
import { runShell } from '../support/shell.js';

/** Everything but NUL, which no program can be given; much of what shells interpret. */
const character = fc.oneof(
  fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;#~=% \t\n\r-'.split('')),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
);
const word = fc.string({ unit: character, maxLength: 30 }).filter((it) => !it.includes('\0'));

describe('quoting', () => {
  it.each(['/bin/sh', '/bin/bash'])('every text comes through %s as it was', (shell) => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 200 }), (words) => {
        // From standard input, as scripts reach a host; each word ends with a line that no word holds.
        const script = words.map((it) => `printf '%s\\n--end--\\n' ${quote(it)}`).join('\n');
        const { stdout } = spawnSync(shell, { input: script, encoding: 'utf8' });
        expect(stdout).toBe(words.map((it) => `${it}\n--end--\n`).join(''));
      }),
      { numRuns: 40 },
    );
  });

  it('an empty text is a word of its own', () => {
    expect(runShell(`set -- ${quote('')} x; echo $#`).stdout).toBe('2\n');
  });

  it('plain words stay readable, everything else is quoted', () => {
    expect(['/etc/x.cfg', 'a:b@c', '-n', '+x'].map(quote)).toEqual(['/etc/x.cfg', 'a:b@c', '-n', '+x']);
    expect(['~', 'a b', '$x', '*', ''].map(quote)).toEqual(["'~'", "'a b'", "'$x'", "'*'", "''"]);
  });

  it('refuses NUL, which would end the word early', () => {
    expect(() => quote('a\0b')).toThrow(/NUL/);
  });
});

describe('the sh template', () => {
  const nasty = `it's $(touch /nowhere) \`id\` "\\`;

  it.each([
    ['a text', sh`printf %s ${nasty}`, nasty],
    ['a number', sh`printf %s ${42}`, '42'],
    ['a list, one word each', sh`printf '%s|' ${['a b', 'c', 7]}`, 'a b|c|7|'],
    ['a secret', sh`printf %s ${new Secret(nasty)}`, nasty],
    ['a text with a secret in it', sh`printf %s ${Text.of("x'", new Secret("p'w"), ' y')}`, "x'p'w y"],
    ['shell code, not quoted', sh`x=1; ${raw('printf %s "$x"')}`, '1'],
    ['shell code within shell code', sh`printf %s "$(${sh`printf %s ${'a  b'}`})"`, 'a  b'],
    ['backslashes as written', sh`printf 'a\nb\\n'`, 'a\nb\\n'],
    ["the shell's own expansions", sh`x=5; printf %s "\${x:-7}"`, '5'],
  ])('takes %s', (_, command, expected) => {
    expect(runShell(command)).toEqual({ stdout: expected, stderr: '', exitCode: 0 });
  });

  it('shows no secret, but sends it', () => {
    const command = joinCommands([
      sh`echo ${new Secret('hunter2')}`,
      sh`echo ${Text.of('a', new Secret('b-b'))}`,
    ]);
    expect(`${command} ${JSON.stringify({ command })}`).not.toMatch(/hunter2|b-b/);
    expect(String(command)).toContain('********');
    expect(command.text.reveal()).toBe("echo 'hunter2'\necho 'ab-b'");
  });

  it('joins in order, with the separator between only', () => {
    expect(String(joinCommands([raw('a'), raw('b'), raw('c')], '; '))).toBe('a; b; c');
    expect(String(joinCommands([]))).toBe('');
  });
});
