import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raw } from '../../src/base/shell.js';
import { type LabInfo, labExec, labInfo } from '../lab/lab.js';
import { labUp } from './support/pair.js';
import {
  ASKED,
  addUsers,
  needing,
  on,
  PASSWORD,
  refusal,
  removeUsers,
  run,
  type SudoUser,
  seen,
  transport,
} from './support/sudo-users.js';
import { watchProcesses } from './support/watch-secret.js';

const USERS: Readonly<Record<string, SudoUser>> = {
  asked: ASKED('asked'),
  needstty: { sudoers: ['Defaults:needstty requiretty', 'needstty ALL=(ALL) ALL'] },
  mute: { sudoers: ['Defaults:mute requiretty', 'mute ALL=(ALL) NOPASSWD: ALL'] },
  noisy: { ...ASKED('noisy'), shell: 'echo noise; echo noise >&2; printf "no line end"' },
  /** Its password is right, but sudo does not know it. */
  stranger: {},
  /** May do one thing only. */
  confined: { sudoers: ['confined ALL=(root) /usr/bin/id'] },
  old: ASKED('old'),
  oldfree: { sudoers: ['oldfree ALL=(ALL) NOPASSWD: ALL'] },
};

/** For the users whose name begins so: the real sudo behind one from before it had -n, which it refuses. */
const OLD_SUDO = `cat > /usr/local/bin/sudo <<'END'
#!/bin/sh
case $(id -un) in old*)
  for word; do
    case $word in -n) echo "sudo: invalid option -- 'n'" >&2; echo "usage: sudo -h | -K | -k | -V" >&2; exit 1 ;; --) break ;; esac
  done ;;
esac
exec /usr/bin/sudo "$@"
END
chmod 755 /usr/local/bin/sudo`;

let lab: LabInfo;

beforeAll(async () => {
  await labUp();
  lab = await labInfo();
  await addUsers('el1', USERS);
  await on('el1', OLD_SUDO);
});

afterAll(async () => {
  await labExec('el1', 'rm -f /usr/local/bin/sudo');
  await removeUsers('el1', Object.keys(USERS));
});

describe('becoming root', () => {
  it('without a password', async () => {
    expect((await run(needing(lab, 'ops', null), 'id -u; cat')).stdout).toBe('0\n');
  });

  it('with a password that sudo asks for, over and over', async () => {
    const session = await transport().connect(needing(lab, 'asked'));
    try {
      const runs = await Promise.all(
        [1, 2, 3].map((n) => session.run(raw(`id -u; cat; echo ${n} >&2; exit ${n}`), { limit: 20 })),
      );
      expect(runs.map((it) => [it.exitCode, it.stdout, it.stderr])).toEqual([
        [1, '0\n', '1\n'],
        [2, '0\n', '2\n'],
        [3, '0\n', '3\n'],
      ]);
      const unlimited = await session.run(raw('id -u; cat'), { limit: 'none' });
      expect(unlimited).toMatchObject({ exitCode: 0, stdout: '0\n', stderr: '' });
    } finally {
      session.close();
    }
  });

  it('the password is in no process, no file, no journal of the host, and in no event here', async () => {
    const watched = await watchProcesses(
      'lb1',
      PASSWORD,
      run(needing(lab, 'asked'), 'for i in 1 2 3 4 5; do sleep 0.2; done; cat'),
    );
    expect(watched).toBe('found []');
    const found = await labExec(
      'el1',
      `read -r word; word() { printf '%s\\n' "$word"; }
grep -rlFs -f <(word) /etc /home /root /tmp /var/tmp /var/lib /var/log /run; journalctl -q -o export | grep -aF -f <(word); true`,
      { stdin: `${PASSWORD}\n` },
    );
    expect(found.stdout).toBe('');
    expect(JSON.stringify(seen.events)).not.toContain(PASSWORD);
  });

  it('where sudo does not ask, the password stays here', async () => {
    const { stdout } = await run(needing(lab, 'ops'), 'id -u; cat');
    expect(stdout).toBe('0\n');
    expect(seen.fetched).toBe(0);
  });

  it('a noisy login shell', async () => {
    expect(await run(needing(lab, 'noisy'), 'id -u; cat')).toMatchObject({ stdout: '0\n', stderr: '' });
  });

  it('requiretty, with a password and without; streams stay apart, nothing is echoed', async () => {
    for (const user of ['needstty', 'mute']) {
      const code = `cat; printf 'a\\tb\\001\\n'; echo err >&2; exit 7`;
      for (const password of user === 'mute' ? [null, undefined] : [undefined]) {
        const result = await run(needing(lab, user, password), code);
        expect([user, result.exitCode, result.stdout, result.stderr]).toEqual([
          user,
          7,
          'a\tb\u0001\n',
          'err\n',
        ]);
      }
    }
    const session = await transport().connect(needing(lab, 'needstty'));
    const { timedOut } = await session.run(raw('sleep 30'), { limit: 1 });
    session.close();
    expect(timedOut).toBe(true);
  });

  it('a sudo that refuses -n, with a password and without', async () => {
    expect((await run(needing(lab, 'old'), 'id -u; cat')).stdout).toBe('0\n');
    expect(seen.fetched).toBe(1);
    for (const password of [undefined, null]) {
      expect((await run(needing(lab, 'oldfree', password), 'id -u; cat')).stdout).toBe('0\n');
      expect(seen.fetched).toBe(0);
    }
    // It wants a password, and there is none: it was called, but nothing typed into it.
    const none = await refusal(needing(lab, 'old', null));
    expect(none).toMatchObject({ failure: 'privileges', code: 'sudo-refused' });
    expect(none.summary).toContain('old may not become root on lb1 without a password');
    expect(none.hint).toContain('ssh.become.password');
  });
});

describe('whom sudo refuses', () => {
  it('a wrong password is noticed at once, and tried once', async () => {
    const started = performance.now();
    const session = await transport({ password: 'wrong' }).connect(needing(lab, 'asked'));
    const results = await Promise.allSettled([1, 2].map(() => session.run(raw('echo ran'), { limit: 20 })));
    session.close();
    expect(results.map((it) => it.status)).toEqual(['rejected', 'rejected']);
    for (const it of results) {
      if (it.status === 'rejected')
        expect(it.reason).toMatchObject({
          failure: 'privileges',
          diagnostic: { code: 'become-password-wrong', host: 'lb1' },
        });
    }
    expect(seen.fetched).toBe(1);
    const log = await on('el1', 'journalctl -q --since -15s -o cat; cat /var/log/secure 2>/dev/null; true');
    expect(log.split('incorrect password attempt').length - 1, log).toBeLessThanOrEqual(1);
    expect(log).not.toMatch(/[2-9] incorrect password/);
    expect(performance.now() - started).toBeLessThan(15_000);
    await on('el1', 'rm -f /var/run/faillock/*');
  });

  it('no password where one is needed', async () => {
    const none = await refusal(needing(lab, 'asked', null));
    expect(none).toMatchObject({ failure: 'privileges', code: 'sudo-refused' });
    expect(none.summary).toContain('asked may not become root on lb1');
    expect(await refusal(needing(lab, 'asked'), { password: null })).toMatchObject({
      code: 'become-password-missing',
    });
  });

  it('a user whom sudo knows not: who, where, what sudo said', async () => {
    const { code, summary, detail } = await refusal(needing(lab, 'nosudo', null));
    expect(code).toBe('sudo-refused');
    expect(summary).toContain('nosudo may not become root on lb1');
    expect(detail).toContain('sudo');
  });

  it.each([
    [
      'in no sudoers',
      'stranger',
      /^stranger may not become root on lb1: stranger is not in the sudoers file/,
    ],
    [
      'allowed something else',
      'confined',
      /^confined may not become root on lb1: Sorry, user confined is not allowed to execute/,
    ],
  ])('one who is %s, though the password is right: who, where, what sudo said', async (_, user, said) => {
    const { failure, code, summary, detail, hint } = await refusal(needing(lab, user));
    expect([failure, code, seen.fetched]).toEqual(['privileges', 'sudo-refused', 1]);
    expect(summary).toMatch(said);
    // Another password would not help.
    expect(hint).not.toContain('ssh.become.password');
    expect(hint).toContain(`echo '${user} ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/${user}`);
    expect([summary, detail, hint].join('\n')).not.toContain(PASSWORD);
  });
});
