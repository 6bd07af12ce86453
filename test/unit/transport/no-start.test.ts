import { describe, expect, it } from 'vitest';
import { whyNotStarted } from '../../../src/transport/no-start.js';
import { targetOf } from '../../../src/transport/target.js';
import { hostWith } from './hosts.js';

const ops = targetOf(hostWith({ user: 'ops', hostname: '10.0.0.1' }), 'me');
const root = targetOf(hostWith({ user: 'root', hostname: '10.0.0.1' }), 'me');
const asked = (stderr: string, exitCode = 1, become = true) =>
  whyNotStarted(become ? ops : root, { become, exitCode, stdout: '', stderr });

describe('why a script did not start', () => {
  it.each([
    ['sudo: a password is required\n'],
    ['sudo: unable to resolve host lb1: Name or service not known\nsudo: a password is required\n'],
    ['sudo: interactive authentication is required\n'],
    ['sudo: sorry, you must have a tty to run sudo\n'],
    ['ops is not in the sudoers file.\n'],
    ["Welcome to lb1!\nSorry, user ops is not allowed to execute '/bin/sh -c x' as root on lb1.\n"],
  ])('sudo refuses: %j', (stderr) => {
    const { failure, diagnostic } = asked(stderr);
    expect(failure).toBe('privileges');
    expect(diagnostic).toMatchObject({ code: 'sudo-refused', host: 'lb1', cluster: 'web' });
    const words = stderr.trim().split('\n').at(-1) ?? '';
    expect(diagnostic.summary).toContain('ops may not become root on lb1');
    expect(diagnostic.summary).toContain(words);
    expect(diagnostic.hint).toContain('/etc/sudoers.d/ops');
  });

  it.each([
    ['bash: line 1: exec: sudo: not found\n'],
    ['bash: exec: sudo: not found\n'],
    ['sh: 1: exec: sudo: not found\n'],
    ['sudo: Command not found.\n'],
    ['fish: Unknown command: sudo\n'],
    ["env: 'sudo': No such file or directory\n"],
    ['env: ‘sudo’: Datei oder Verzeichnis nicht gefunden\n'],
    ["env: can't execute 'sudo': No such file or directory\n"],
  ])('there is no sudo: %j', (stderr) => {
    const { failure, diagnostic } = asked(stderr, 127);
    expect([failure, diagnostic.code]).toEqual(['privileges', 'sudo-missing']);
  });

  it.each([
    ['sudo: timeout: command not found\n', true],
    ['bash: line 1: exec: timeout: not found\n', false],
    ['/bin/sh: 1: head: not found\n', false],
  ])('there is no timeout or head: %j', (stderr, become) => {
    const { failure, diagnostic } = asked(stderr, 127, become);
    expect([failure, diagnostic.code]).toEqual(['unreachable', 'tool-missing']);
    expect(diagnostic.summary).toMatch(/^lb1 has no (timeout|head)$/);
  });

  it('an account without a shell', () => {
    for (const become of [true, false]) {
      const { failure, diagnostic } = asked('This account is currently not available.\n', 1, become);
      expect([failure, diagnostic.code]).toEqual(['unreachable', 'no-shell']);
      expect(diagnostic.summary).toContain('This account is currently not available.');
    }
  });

  it('control characters of the host are not passed on', () => {
    const { diagnostic } = asked('sudo: \x1b]0;owned\x07 a password is required\n');
    expect(JSON.stringify(diagnostic)).not.toMatch(/\\u001b|\\u0007/);
  });
});
