import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { raw } from '../../src/base/shell.js';
import type { Host, SecretRef, SshSettings } from '../../src/inventory/model.js';
import type { Ask } from '../../src/transport/ask.js';
import { createSshTransport } from '../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../src/transport/trace.js';
import { TransportError } from '../../src/transport/types.js';
import { type LabInfo, labExec, labInfo, writeInventory } from '../lab/lab.js';
import { lbctl } from './support/lbctl.js';
import { labUp } from './support/pair.js';
import { onTerminal } from './support/terminal.js';
import { watchProcesses } from './support/watch-secret.js';

/** Words that occur nowhere else. */
const PASSWORD = 'Tr0ub4dor-sudo-9f3c';
const LOGIN = 'Corr3ct-login-77aa';
const source = { file: 'inventory.yaml', line: 1, column: 1 };
const ref: SecretRef = { kind: 'env', name: 'SUDO_PW', source };

/** Users that need a password for sudo, each in a way of its own. */
const USERS = ['asked', 'needstty', 'mute', 'noisy', 'twice'] as const;

let lab: LabInfo;

async function on(command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await labExec('el1', command);
  if (exitCode !== 0) throw new Error(`${command}: ${stderr}${stdout}`);
  return stdout;
}

function host(ssh: Partial<SshSettings>): Host {
  return {
    name: 'lb1',
    cluster: 'web',
    address: lab.hosts.el1.address,
    interface: null,
    source,
    ssh: {
      user: 'root',
      hostname: '127.0.0.1',
      port: lab.hosts.el1.ssh_port,
      identityFile: lab.identity_file,
      knownHostsFile: lab.known_hosts_file,
      strictHostKeyChecking: 'yes',
      proxyJump: null,
      connectTimeout: null,
      become: { method: 'sudo', password: null },
      ...ssh,
    },
  };
}

interface Given {
  readonly password?: string | null;
  readonly ask?: Ask;
}

const events: TransportEvent[] = [];
let fetched = 0;

function transport({ password = PASSWORD, ask }: Given = {}) {
  events.length = 0;
  fetched = 0;
  return createSshTransport({
    env: {},
    homeDir: mkdtempSync(join(tmpdir(), 'lbctl-home-')),
    configFiles: [],
    trace: (event) => events.push(event),
    ask: ask ?? null,
    passwords: {
      of: async () => {
        fetched++;
        if (password === null) throw new Error('none is known');
        return new Secret(password);
      },
    },
  });
}

const needing = (user: string, password: SecretRef | null = ref): Host =>
  host({ user, become: { method: 'sudo', password } });

async function run(target: Host, code: string, given: Given = {}) {
  const session = await transport(given).connect(target);
  try {
    return await session.run(raw(code), { limit: 20 });
  } finally {
    session.close();
  }
}

async function refusal(target: Host, given: Given = {}) {
  const error = await run(target, 'true', given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TransportError)) throw error ?? new Error('it was let in');
  return { failure: error.failure, ...error.diagnostic };
}

beforeAll(async () => {
  await labUp();
  lab = await labInfo();
  const home = (user: string) => `/home/${user}`;
  await on(
    USERS.map(
      (user) => `id ${user} >/dev/null 2>&1 || useradd -m -s /bin/bash ${user}
echo '${user}:${LOGIN}' | chpasswd
mkdir -p ${home(user)}/.ssh; cat /root/.ssh/authorized_keys > ${home(user)}/.ssh/authorized_keys
chown -R ${user}: ${home(user)}/.ssh; chmod 700 ${home(user)}/.ssh; chmod 600 ${home(user)}/.ssh/authorized_keys
echo '${user} ALL=(ALL) ALL' > /etc/sudoers.d/${user}`,
    ).join('\n'),
  );
  await on(`echo 'asked:${PASSWORD}' | chpasswd; echo 'needstty:${PASSWORD}' | chpasswd; echo 'noisy:${PASSWORD}' | chpasswd
printf 'Defaults:needstty requiretty\\nneedstty ALL=(ALL) ALL\\n' > /etc/sudoers.d/needstty
printf 'Defaults:mute requiretty\\nmute ALL=(ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/mute
printf 'echo noise; echo noise >&2; printf "no line end"\\n' >> /home/noisy/.bashrc
chmod 440 /etc/sudoers.d/*; visudo -c >/dev/null`);
});

afterAll(async () => {
  await labExec(
    'el1',
    `rm -f /etc/sudoers.d/{${USERS.join(',')}} /etc/ssh/sshd_config.d/00-lbctl-test.conf; systemctl reload sshd
for u in ${USERS.join(' ')}; do userdel -rf $u; done; rm -f /var/run/faillock/*`,
  );
});

describe('becoming root', () => {
  it('without a password', async () => {
    expect((await run(needing('ops', null), 'id -u; cat')).stdout).toBe('0\n');
  });

  it('with a password that sudo asks for, over and over', async () => {
    const session = await transport().connect(needing('asked'));
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
      run(needing('asked'), 'for i in 1 2 3 4 5; do sleep 0.2; done; cat'),
    );
    expect(watched).toBe('found []');
    const found = await labExec(
      'el1',
      `read -r word; word() { printf '%s\\n' "$word"; }
grep -rlFs -f <(word) /etc /home /root /tmp /var/tmp /var/lib /var/log /run; journalctl -q -o export | grep -aF -f <(word); true`,
      { stdin: `${PASSWORD}\n` },
    );
    expect(found.stdout).toBe('');
    expect(JSON.stringify(events)).not.toContain(PASSWORD);
  });

  it('where sudo does not ask, the password stays here', async () => {
    const { stdout } = await run(needing('ops'), 'id -u; cat');
    expect(stdout).toBe('0\n');
    expect(fetched).toBe(0);
  });

  it('a wrong password is noticed at once, and tried once', async () => {
    const started = performance.now();
    const session = await transport({ password: 'wrong' }).connect(needing('asked'));
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
    expect(fetched).toBe(1);
    const log = await on('journalctl -q --since -15s -o cat; cat /var/log/secure 2>/dev/null; true');
    expect(log.split('incorrect password attempt').length - 1, log).toBeLessThanOrEqual(1);
    expect(log).not.toMatch(/[2-9] incorrect password/);
    expect(performance.now() - started).toBeLessThan(15_000);
    await on('rm -f /var/run/faillock/*');
  });

  it('no password where one is needed', async () => {
    const none = await refusal(needing('asked', null));
    expect(none).toMatchObject({ failure: 'privileges', code: 'sudo-refused' });
    expect(none.summary).toContain('asked may not become root on lb1');
    expect(await refusal(needing('asked'), { password: null })).toMatchObject({
      code: 'become-password-missing',
    });
  });

  it('requiretty, with a password and without; streams stay apart, nothing is echoed', async () => {
    for (const user of ['needstty', 'mute']) {
      const code = `cat; printf 'a\\tb\\001\\n'; echo err >&2; exit 7`;
      for (const password of user === 'mute' ? [null, ref] : [ref]) {
        const result = await run(needing(user, password), code);
        expect([user, result.exitCode, result.stdout, result.stderr]).toEqual([
          user,
          7,
          'a\tb\u0001\n',
          'err\n',
        ]);
      }
    }
    const { timedOut } = await (async () => {
      const session = await transport().connect(needing('needstty'));
      try {
        return await session.run(raw('sleep 30'), { limit: 1 });
      } finally {
        session.close();
      }
    })();
    expect(timedOut).toBe(true);
  });

  it('a user whom sudo knows not: who, where, what sudo said', async () => {
    const { code, summary, detail } = await refusal(needing('nosudo', null));
    expect(code).toBe('sudo-refused');
    expect(summary).toContain('nosudo may not become root on lb1');
    expect(detail).toContain('sudo');
  });

  it('a noisy login shell', async () => {
    expect(await run(needing('noisy'), 'id -u; cat')).toMatchObject({ stdout: '0\n', stderr: '' });
  });
});

describe('passwords to log in', () => {
  beforeAll(async () => {
    await on(`cat > /etc/ssh/sshd_config.d/00-lbctl-test.conf <<'END'
MaxSessions 2
Match User twice
  PasswordAuthentication yes
  KbdInteractiveAuthentication yes
  AuthenticationMethods publickey,password publickey,keyboard-interactive
Match User asked
  PasswordAuthentication yes
  KbdInteractiveAuthentication yes
  AuthenticationMethods password keyboard-interactive
END
systemctl reload sshd`);
  });
  const saying = (...answers: string[]): Ask & { questions: string[] } => {
    const questions: string[] = [];
    const next = async (question: string) => {
      questions.push(question);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('not answered');
      return answer;
    };
    return { questions, text: next, secret: async (question) => new Secret(await next(question)) };
  };

  it('a second factor after the key', async () => {
    const ask = saying(LOGIN);
    const session = await transport({ ask }).connect(needing('twice'));
    session.close();
    expect(ask.questions).toHaveLength(1);
    expect(ask.questions[0]).toContain('twice on lb1');
  });

  it('a password alone, typed wrongly first', async () => {
    const ask = saying('wrong', PASSWORD);
    const session = await transport({ ask }).connect(needing('asked'));
    session.close();
    expect(ask.questions).toHaveLength(2);
    await on('rm -f /var/run/faillock/*');
  });

  it('a server that allows two sessions', async () => {
    const session = await transport().connect(host({}));
    const runs = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((n) => session.run(raw(`echo ${n}`), { limit: 20 })),
    );
    session.close();
    expect(runs.map((it) => it.stdout.trim())).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('nobody to ask: what the server wants', async () => {
    const twice = await refusal(needing('twice'));
    expect(twice.summary).toMatch(/took the key .* but wants .*(password|keyboard-interactive)/);
    expect(twice.hint).toContain('terminal');
    const asked = await refusal(needing('asked'));
    expect(asked.code).toBe('login-refused');
  });
});

describe('a bad network', () => {
  it('a link that stalls for 20 s while a script runs', async () => {
    let stalled = false;
    const relay = createServer((socket) => {
      const real = connect(lab.hosts.el1.ssh_port, '127.0.0.1').on('error', () => undefined);
      const pass = (from: Socket, to: Socket) => {
        const held: Buffer[] = [];
        from
          .on('error', () => undefined)
          .on('data', (chunk: Buffer) => {
            if (stalled) held.push(chunk);
            else to.write(Buffer.concat([...held.splice(0), chunk]));
          });
        const timer = setInterval(
          () => !stalled && held.length > 0 && to.write(Buffer.concat(held.splice(0))),
          50,
        );
        from.on('close', () => {
          clearInterval(timer);
          to.destroy();
        });
      };
      pass(socket, real);
      pass(real, socket);
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const address = relay.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const session = await transport().connect(
      host({ port, strictHostKeyChecking: 'no', knownHostsFile: '/dev/null' }),
    );
    const running = session.run(raw('sleep 2; echo whole'), { limit: 10 });
    setTimeout(() => {
      stalled = true;
    }, 1000);
    setTimeout(() => {
      stalled = false;
    }, 21_000);
    const { stdout, timedOut, durationMs } = await running;
    expect([stdout, timedOut]).toEqual(['whole\n', false]);
    expect(durationMs).toBeGreaterThan(19_000);
    session.close();
    relay.close();
  });
});

describe('on a terminal', () => {
  const user = 'needstty';
  beforeAll(() =>
    labExec(
      'el2',
      `id ${user} >/dev/null 2>&1 || useradd -m ${user}; echo '${user}:${PASSWORD}' | chpasswd
mkdir -p /home/${user}/.ssh; cat /root/.ssh/authorized_keys > /home/${user}/.ssh/authorized_keys; chown -R ${user}: /home/${user}/.ssh
echo '${user} ALL=(ALL) ALL' > /etc/sudoers.d/${user}; chmod 440 /etc/sudoers.d/${user}`,
    ),
  );
  afterAll(() => labExec('el2', `rm -f /etc/sudoers.d/${user}; userdel -rf ${user}`));

  it('asks about each host key, then once for the password of both hosts, and shows it nowhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lbctl-tty-'));
    const path = join(folder, 'inventory.yaml');
    await writeInventory(path, 'el', (yaml) =>
      yaml
        .replace('user: root', 'user: needstty\n  become: { password: { prompt: true } }')
        .replace(/known_hosts_file: .*/, `known_hosts_file: ${join(folder, 'known_hosts')}`),
    );
    const { exit, seen, left } = await onTerminal(
      ['ping', path],
      [
        [/the fingerprint\)\? $/, 'yes\r'],
        [/the fingerprint\)\? $/, 'yes\r'],
        [/all hosts\): $/, `${PASSWORD}\r`],
      ],
    );
    expect([exit, left], seen).toEqual([0, []]);
    expect(seen.split('Password for sudo')).toHaveLength(2);
    // Exit 0: both hosts run scripts as root.
    for (const name of ['lb1', 'lb2']) expect(seen).toMatch(new RegExp(`${name}.*ok \\(\\d+ ms\\)`));
    expect(seen).toContain('SHA256:');
    expect(seen).not.toContain(PASSWORD);
    // Hashed or not, as this machine's ssh_config has it.
    const name = `[127.0.0.1]:${lab.hosts.el1.ssh_port}`;
    execFileSync('ssh-keygen', ['-f', join(folder, 'known_hosts'), '-F', name]);
  });
});

describe('lbctl ping', () => {
  const inventory = async (edit: (yaml: string) => string) => {
    const path = join(mkdtempSync(join(tmpdir(), 'lbctl-ping-')), 'inventory.yaml');
    await writeInventory(path, 'el', edit);
    return path;
  };

  it('a table, and JSON', async () => {
    const path = await inventory((yaml) => yaml);
    const table = await lbctl('ping', path);
    expect(table.exit, table.said).toBe(0);
    expect(table.stdout).toMatch(/lb1 .* ok \(\d+ ms\) +ok +ok +dnf/);
    const json = JSON.parse((await lbctl('ping', path, '--json')).stdout);
    expect(json.clusters[0].hosts[1]).toMatchObject({
      name: 'lb2',
      reachable: true,
      root: true,
      missing: [],
      problem: null,
    });
  });

  it('privileges are missing: exit 4', async () => {
    const path = await inventory((yaml) => yaml.replace('user: root', 'user: nosudo'));
    const { exit, stdout } = await lbctl('ping', path);
    expect(exit).toBe(4);
    expect(stdout).toContain('nosudo may not become root on lb1');
  });

  it('a password from a file; a missing environment variable is a mistake in the input', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'lbctl-pw-')), 'pw');
    writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
    const path = await inventory((yaml) =>
      yaml.replace('user: root', `user: needstty\n  become: { password: { file: ${file} } }`),
    );
    const ok = await lbctl('ping', path, '--limit', 'web/lb1');
    expect(ok.exit, ok.said).toBe(0);
    expect(ok.said).not.toContain(PASSWORD);
    const missing = await inventory((yaml) =>
      yaml.replace('user: root', 'user: needstty\n  become: { password: { env: LBCTL_NO_SUCH } }'),
    );
    const bad = await lbctl('ping', missing);
    expect([bad.exit, bad.stderr]).toEqual([3, expect.stringContaining('LBCTL_NO_SUCH is not set')]);
  });

  it('a host that is not there: exit 4', async () => {
    const path = await inventory((yaml) => yaml.replace(/port: \d+/, 'port: 1'));
    const { exit, stdout } = await lbctl('ping', path);
    expect(exit).toBe(4);
    expect(stdout).toContain('connect-refused');
  });
});
