import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SSHD = '/usr/sbin/sshd';

export interface Sshd {
  readonly port: number;
  /** For the keys and files of a test; removed by `stop`. */
  readonly dir: string;
  /** A home directory with an empty .ssh. */
  readonly home: string;
  /** The server's own log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** The server refuses anybody but root to start it, with whom these tests log in. */
export function canRunSshd(): boolean {
  if (process.getuid?.() !== 0) return false;
  if (!existsSync(SSHD)) throw new Error(`${SSHD} is missing: install openssh-server`);
  return true;
}

export function makeKey(
  path: string,
  options: { type?: string; passphrase?: string; comment?: string } = {},
): string {
  const { type = 'ed25519', passphrase = '', comment = 'test' } = options;
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', comment, '-f', path]);
  return path;
}

/** Lets a key log in; `options` as in authorized_keys: `command="…"`. */
export function authorize(sshd: Sshd, key: string, options = ''): void {
  const line = readFileSync(`${key}.pub`, 'utf8');
  appendFileSync(join(sshd.dir, 'authorized_keys'), options === '' ? line : `${options} ${line}`);
}

/** A throw-away OpenSSH server on loopback, with ed25519 and RSA host keys unless `config` names others. */
export async function startSshd(config: readonly string[] = []): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'lbctl-sshd-'));
  // The directory that sshd locks its unprivileged child into; packages make it at boot.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const home = join(dir, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, 'authorized_keys'), '', { mode: 0o600 });
  chmodSync(dir, 0o755);
  const keys = ['ed25519', 'rsa'].map((type) => makeKey(join(dir, `host_${type}`), { type }));
  const port = await freePort();
  // The first value counts.
  const lines = [
    ...config,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PidFile none',
    ...(config.some((line) => line.startsWith('HostKey ')) ? [] : keys.map((key) => `HostKey ${key}`)),
  ];
  writeFileSync(join(dir, 'sshd_config'), `${lines.join('\n')}\n`);
  const log = join(dir, 'log');
  const child = spawn(SSHD, ['-D', '-E', log, '-f', join(dir, 'sshd_config')], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const readLog = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries > 100 || child.exitCode !== null) throw new Error(`sshd does not start: ${readLog()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    port,
    dir,
    home,
    log: readLog,
    stop: async () => {
      child.kill();
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
