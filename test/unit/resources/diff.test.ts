import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { Text } from '../../../src/base/text.js';
import { fileDiff, hideSecrets } from '../../../src/resources/diff.js';

const conf = (password: string | Secret) => Text.of('a\nb\n    auth_pass ', password, '\nc\n');

describe('the diff of a file', () => {
  it('shows what changes, and three lines around it', () => {
    const before = 'one\ntwo\nthree\nfour\nfive\nsix\n';
    expect(fileDiff('/etc/x', before, Text.of(before.replace('five', 'FIVE')))).toBe(
      '--- /etc/x\n+++ /etc/x\n@@ -2,5 +2,5 @@\n two\n three\n four\n-five\n+FIVE\n six\n',
    );
  });

  it('shows a new file whole', () => {
    expect(fileDiff('/etc/x', null, Text.of('one\n'))).toBe(
      '--- /dev/null\n+++ /etc/x\n@@ -0,0 +1,1 @@\n+one\n',
    );
  });

  it('hides the old password, which nobody told us, and the new one', () => {
    const diff = fileDiff('/etc/x', 'a\nb\n    auth_pass oldpass1\n', conf(new Secret('newpass2')));
    expect(diff).not.toMatch(/oldpass1|newpass2/);
    expect(diff).toContain('+c\n');
  });

  it('says so where only the password differs', () => {
    const diff = fileDiff('/etc/x', conf('oldpass1').reveal(), conf(new Secret('newpass2')));
    expect(diff).toBe('--- /etc/x\n+++ /etc/x\n only a secret differs\n');
  });

  it('hides a known password wherever it stands', () => {
    const secret = fc.string({
      unit: fc.constantFrom('Q', 'Z', '$', '&', '.', '*', '/'),
      minLength: 3,
      maxLength: 8,
    });
    const around = fc.string({ unit: fc.constantFrom('a', 'b', '\n', ' '), maxLength: 30 });
    fc.assert(
      fc.property(secret, around, around, (text, one, two) => {
        fc.pre(!text.includes('**'));
        const diff = fileDiff('/etc/x', `${one}${text}${two}\n`, Text.of(two, new Secret(text), one, '\n'));
        expect(diff.replaceAll('********', '')).not.toContain(text);
      }),
    );
  });
});

describe('secrets in a text that we did not write', () => {
  it.each([
    ['    auth_pass hunter22', '    auth_pass ********'],
    ['auth_pass   "two words"', 'auth_pass   ********'],
    ['user admin password $6$abc', 'user admin password ********'],
    ['user admin insecure-password hunter22', 'user admin insecure-password ********'],
    ['stats auth admin:hunter22', 'stats auth admin:********'],
    ['# password policy', '# password ********'],
    ['bind :80', 'bind :80'],
  ])('%s', (text, expected) => {
    expect(hideSecrets(text)).toBe(expected);
  });
});
