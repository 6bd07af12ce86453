import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import type { SecretRef } from '../../../src/inventory/model.js';
import type { RemoteProcess } from '../../../src/transport/run-script.js';
import { SshSession } from '../../../src/transport/session.js';
import { targetOf } from '../../../src/transport/target.js';
import { hostWith, script } from './hosts.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-become-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const calls = join(dir, 'calls');
const heard = join(dir, 'heard');
beforeEach(() => {
  for (const file of [calls, heard]) rmSync(file, { force: true });
});

const ref: SecretRef = {
  kind: 'env',
  name: 'PW',
  source: { file: 'inventory.yaml', line: 1, column: 1 },
};

/**
 * A sudo of the test's own: it writes down how it was called and every password that it was given, asks where
 * `asks` says so, and refuses -n or a missing terminal as the real one does.
 */
function sudo(
  options: { asks?: boolean; tty?: boolean; noN?: boolean; passwd?: string; speaks?: string } = {},
): void {
  const { asks = false, tty = false, noN = false, passwd = 'right', speaks = '' } = options;
  const code = `#!/bin/sh
case \${LC_ALL:-$LANG} in C) ;; *) ${speaks === '' ? '' : `echo "sudo: ${speaks}" >&2; exit 1`} ;; esac
echo "$*" | cut -c1-12 >> ${calls}
prompt=; n=; stdin=
while [ "$1" != -- ]; do
  case $1 in -n) n=1 ;; -S) stdin=1 ;; -k) ;; -p) prompt=$2; shift ;; *) echo "usage: sudo" >&2; exit 1 ;; esac
  shift
done
shift
${noN ? '[ -z "$n" ] || { echo "sudo: invalid option -- \'n\'" >&2; exit 1; }' : ''}
${tty ? '( : </dev/tty ) 2>/dev/null || { echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1; }' : ''}
if [ ${asks ? 1 : 0} = 1 ]; then
  [ -z "$n" ] || { echo "sudo: a password is required" >&2; exit 1; }
  for try in 1 2 3; do
    printf '%s' "$prompt" >&2
    IFS= read -r word || { echo; echo "sudo: no password was provided" >&2; exit 1; }
    echo "$word" >> ${heard}
    [ "$word" != ${passwd} ] || exec "$@"
    echo "Sorry, try again." >&2
  done
  exit 1
fi
exec "$@"
`;
  writeFileSync(join(dir, 'sudo'), code, { mode: 0o755 });
}

function here(shell: string) {
  return async (command: string): Promise<RemoteProcess> => {
    const child = spawn(shell, ['-c', command], {
      env: { ...process.env, PATH: `${dir}:${process.env.PATH}` },
      // No terminal of the test's own.
      detached: true,
    });
    child.stdin.on('error', () => undefined);
    return {
      write: (data) => child.stdin.write(data),
      onStdout: (listener) => child.stdout.removeAllListeners('data').on('data', listener),
      onStderr: (listener) => child.stderr.removeAllListeners('data').on('data', listener),
      onClose: (listener) => child.on('close', listener),
      close: () => child.stdin.end(),
    };
  };
}

function session(options: { password?: string | null; shell?: string } = {}) {
  const { password = 'right', shell = 'sh' } = options;
  const target = targetOf(
    hostWith({ user: 'ops', become: { method: 'sudo', password: password === null ? null : ref } }),
    'me',
  );
  const connection = {
    address: '',
    lossReason: '',
    exec: here(shell),
    forward: async () => {
      throw new Error('no forwarding here');
    },
    close: () => undefined,
  };
  return new SshSession(target, connection, () => undefined, {
    passwords: { of: async () => new Secret(password ?? '') },
  });
}

const given = () => (existsSync(heard) ? readFileSync(heard, 'utf8').trim().split('\n') : []);
const called = () => readFileSync(calls, 'utf8').trim().split('\n');
const CODE = 'echo out; cat; echo err >&2; exit 3';
const RESULT = { exitCode: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false };

const SHELLS = ['sh', 'bash', 'fish', 'tcsh'].filter((it) => spawnSync(it, ['-c', 'true']).status === 0);

describe.each(SHELLS)('with %s as the login shell', (shell) => {
  it.each([10, 'none'] as const)('sudo asks, and gets nothing but the password (limit %s)', async (limit) => {
    sudo({ asks: true });
    const it = session({ shell });
    expect(await it.run(script(CODE), { limit })).toMatchObject(RESULT);
    expect(await it.run(script(CODE), { limit })).toMatchObject(RESULT);
    expect(given()).toEqual(['right', 'right']);
  });

  it.each([10, 'none'] as const)('requiretty, with and without a password (limit %s)', async (limit) => {
    for (const asks of [true, false]) {
      sudo({ asks, tty: true });
      const it = session({ shell, password: asks ? 'right' : null });
      expect(await it.run(script(CODE), { limit })).toMatchObject(RESULT);
      expect(await it.run(script(CODE), { limit })).toMatchObject(RESULT);
    }
    // The way that works is found once.
    expect(called()).toHaveLength(6);
  });
});

describe('sudo', () => {
  it('that does not ask gets no password, and from then on -n', async () => {
    sudo();
    const it = session();
    await it.run(script(CODE), { limit: 10 });
    await it.run(script(CODE), { limit: 10 });
    expect(given()).toEqual([]);
    const [first, ...others] = called().map((line) => line.slice(0, 2));
    expect(first).toBe('-k');
    // One for the second script, one that waits for a third.
    expect(new Set(others)).toEqual(new Set(['-n']));
  });

  it('with a wrong password: one try, for all scripts of the host', async () => {
    sudo({ asks: true });
    const it = session({ password: 'wrong' });
    const results = await Promise.allSettled([1, 2, 3].map(() => it.run(script(CODE), { limit: 10 })));
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { failure: 'privileges', diagnostic: { code: 'become-password-wrong' } },
      });
    }
    expect(given()).toEqual(['wrong']);
  });

  it('without -n', async () => {
    sudo({ noN: true });
    const it = session({ password: null });
    expect(await it.run(script(CODE), { limit: 10 })).toMatchObject(RESULT);
    sudo({ noN: true, asks: true });
    const refused = session({ password: null }).run(script(CODE), { limit: 10 });
    await expect(refused).rejects.toMatchObject({
      failure: 'privileges',
      diagnostic: { code: 'sudo-refused', hint: expect.stringContaining('ssh.become.password') },
    });
    expect(given()).toEqual([]);
  });

  it('of a host with another language is understood: it speaks English to us', async () => {
    vi.stubEnv('LANG', 'de_DE.UTF-8').stubEnv('LC_ALL', 'de_DE.UTF-8');
    try {
      sudo({ noN: true, speaks: 'ungültige Option -- n' });
      const it = session({ password: null });
      expect(await it.run(script(CODE), { limit: 10 })).toMatchObject(RESULT);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('that wants a password where none is given is not called again: that would be a failed attempt', async () => {
    sudo({ asks: true });
    await expect(session({ password: null }).run(script(CODE), { limit: 10 })).rejects.toMatchObject({
      failure: 'privileges',
      diagnostic: { code: 'sudo-refused' },
    });
    expect(given()).toEqual([]);
    expect(called()).toHaveLength(1);
  });

  it('a password with a line break in it is its first line', async () => {
    sudo({ asks: true });
    await session({ password: 'right\nrm -rf /' }).run(script(CODE), { limit: 10 });
    expect(given()).toEqual(['right']);
  });
});
