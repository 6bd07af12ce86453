import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { sh } from '../../../src/base/shell.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import type { Session } from '../../../src/transport/types.js';
import { hostWith, script } from './hosts.js';
import { isGone, pidIn } from './processes.js';
import { authorize, canRunSshd, makeKey, type Sshd, startSshd } from './sshd.js';

const installed = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.runIf(canRunSshd())('running scripts on a real OpenSSH server', () => {
  let sshd: Sshd;
  let key: string;
  const events: TransportEvent[] = [];
  const sessions: Session[] = [];

  beforeAll(async () => {
    sshd = await startSshd();
    key = makeKey(join(sshd.dir, 'good'));
    authorize(sshd, key);
  });
  afterAll(() => sshd.stop());
  afterEach(() => {
    for (const session of sessions.splice(0)) session.close();
    events.length = 0;
  });

  async function connect(
    options: { identityFile?: string; port?: number; user?: string } = {},
  ): Promise<Session> {
    const { identityFile = key, port = sshd.port, user = 'root' } = options;
    const transport = createSshTransport({
      env: {},
      homeDir: sshd.home,
      trace: (event) => events.push(event),
      globalKnownHostsFiles: [],
      configFiles: [],
    });
    const session = await transport.connect(
      hostWith({ port, user, identityFile, strictHostKeyChecking: 'no' }),
    );
    sessions.push(session);
    return session;
  }

  /** A key for which sshd runs this instead, with the real command line in $SSH_ORIGINAL_COMMAND. */
  function keyWithCommand(name: string, command: string): string {
    const path = makeKey(join(sshd.dir, name));
    authorize(sshd, path, `command="${command.replaceAll('"', '\\"')}"`);
    return path;
  }

  it.each([0, 3, 124, 137, 255])('exit status %i is data', async (code) => {
    const session = await connect();
    for (const limit of [10, 'none'] as const) {
      const result = await session.run(script(`echo out; echo err >&2; exit ${code}`), { limit });
      expect(result).toMatchObject({
        exitCode: code,
        signal: null,
        timedOut: false,
        stdout: 'out\n',
        stderr: 'err\n',
      });
    }
  });

  it('a script that reads standard input does not eat the rest of itself', async () => {
    const session = await connect();
    const { stdout } = await session.run(script('cat; read -r line; echo "still here <$line>"'), {
      limit: 10,
    });
    expect(stdout).toBe('still here <>\n');
  });

  it('what a shell prints before and after does not reach the result', async () => {
    const noisy = keyWithCommand(
      'noisy',
      'printf "Welcome!\\nno line end"; echo "tput: no terminal" >&2; eval "$SSH_ORIGINAL_COMMAND"; echo bye; echo bye >&2',
    );
    const session = await connect({ identityFile: noisy });
    for (const limit of [10, 'none'] as const) {
      const result = await session.run(script('printf out; printf err >&2; exit 2'), { limit });
      expect(result).toMatchObject({ exitCode: 2, stdout: 'out', stderr: 'err' });
    }
  });

  it.each(['bash', 'dash', 'fish', 'tcsh', 'ksh', 'zsh'].filter(installed))(
    '%s as the login shell',
    async (shell) => {
      const session = await connect({
        identityFile: keyWithCommand(shell, `exec ${shell} -c "$SSH_ORIGINAL_COMMAND"`),
      });
      for (const limit of [10, 'none'] as const) {
        const result = await session.run(script(`echo 'it'"'"'s $HOME!' "\\$x"; exit 4`), { limit });
        expect(result).toMatchObject({ exitCode: 4, stdout: "it's $HOME! $x\n", stderr: '' });
      }
    },
  );

  it.each([
    ['bash', '.bashrc', 'echo noise; echo noise >&2; printf "no line end"'],
    ['fish', '.config/fish/config.fish', 'echo noise; echo noise >&2; printf "no line end"'],
    ['tcsh', '.tcshrc', 'echo noise; sh -c "echo noise >&2"; printf "no line end"'],
    ['zsh', '.zshenv', 'echo noise; echo noise >&2; printf "no line end"'],
  ] as const)('%s as the login shell, whose %s prints', async (shell, file, noise) => {
    if (!installed(shell)) throw new Error(`${shell} is missing: install it`);
    const home = join(sshd.dir, `home-${shell}`);
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), `${noise}\n`);
    // As root has this shell: told by HOME, and bash by the variable that sshd sets that a file is to be read.
    const login = `HOME=${home} exec ${shell} -c "$SSH_ORIGINAL_COMMAND"`;
    const plain = spawnSync(shell, ['-c', 'true'], {
      encoding: 'utf8',
      env: { ...process.env, HOME: home, SSH_CLIENT: '127.0.0.1 1 1', SHLVL: '0' },
    });
    expect(plain.stdout).toContain('noise');
    const session = await connect({ identityFile: keyWithCommand(`noisy-${shell}`, login) });
    for (const limit of [10, 'none'] as const) {
      const result = await session.run(script('printf out; printf err >&2; exit 2'), { limit });
      expect(result).toMatchObject({ exitCode: 2, stdout: 'out', stderr: 'err' });
    }
  });

  it('a server without sftp', async () => {
    const key = join(sshd.dir, 'good');
    const options = [
      '-P',
      String(sshd.port),
      '-i',
      key,
      '-oStrictHostKeyChecking=no',
      '-oUserKnownHostsFile=/dev/null',
    ];
    const sftp = spawnSync('sftp', [...options, '-b', '-', 'root@127.0.0.1'], {
      input: 'ls\n',
      encoding: 'utf8',
    });
    expect(sftp.stderr).toContain('subsystem request failed');
    const { stdout } = await (await connect()).run(script('echo in'), { limit: 10 });
    expect(stdout).toBe('in\n');
  });

  it('5 MB of output, and 200 kB of script', async () => {
    const session = await connect();
    const big = await session.run(script('head -c 5000000 /dev/zero | tr "\\0" x'), { limit: 20 });
    expect(big.stdout.length).toBe(5_000_000);
    expect(/^x*$/.test(big.stdout)).toBe(true);
    const long = await session.run(script(`cat <<'END' | wc -c\n${'y'.repeat(200_000)}\nEND`), { limit: 20 });
    expect(long.stdout.trim()).toBe('200001');
  });

  it('more output than anybody can want ends the connection', async () => {
    const session = await connect();
    const flood = session.run(script('while :; do head -c 1000000 /dev/zero; done'), { limit: 60 });
    await expect(flood).rejects.toMatchObject({ failure: 'cut', diagnostic: { code: 'output-too-large' } });
    const next = session.run(script('true'), { limit: 5 });
    await expect(next).rejects.toMatchObject({
      failure: 'unreachable',
      diagnostic: { code: 'connection-lost' },
    });
  }, 20_000);

  it('a background process that holds the streams does not delay the result', async () => {
    const session = await connect();
    for (const limit of [10, 'none'] as const) {
      const started = performance.now();
      const { stdout } = await session.run(script('sleep 3 & echo done'), { limit });
      expect(stdout).toBe('done\n');
      expect(performance.now() - started).toBeLessThan(1_500);
    }
  });

  it('at its time limit a script is ended on the host', async () => {
    const session = await connect();
    const file = join(sshd.dir, 'pid-limit');
    const started = performance.now();
    const result = await session.run(
      script(`echo before; sh -c 'echo $$ > ${file}; exec sleep 60'; echo after`),
      { limit: 1 },
    );
    expect(result).toMatchObject({ timedOut: true, exitCode: null, stdout: 'before\n' });
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(await isGone(pidIn(file), 500)).toBe(true);
  });

  it('a caller who gives up is answered at once, and the script is ended on the host', async () => {
    const session = await connect();
    const file = join(sshd.dir, 'pid-abort');
    const running = session.run(script(`echo $$ > ${file}; sleep 60`), {
      limit: 120,
      signal: AbortSignal.timeout(700),
    });
    await expect(running).rejects.toMatchObject({ failure: 'aborted' });
    expect(await isGone(pidIn(file), 2_000)).toBe(true);
    // The connection goes on.
    expect((await session.run(script('echo alive'), { limit: 5 })).stdout).toBe('alive\n');
    const never = session.run(script('true'), { limit: 5, signal: AbortSignal.abort() });
    await expect(never).rejects.toMatchObject({ failure: 'aborted' });
  });

  it('without a limit a script goes on when the caller gives up', async () => {
    const session = await connect();
    const done = join(sshd.dir, 'transaction');
    const code = `for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; echo $i >&2; sleep 0.1; done; echo whole > ${done}`;
    const running = session.run(script(code), { limit: 'none', signal: AbortSignal.timeout(400) });
    await expect(running).rejects.toMatchObject({ failure: 'aborted' });
    session.close();
    for (let waited = 0; waited < 3_000 && !existsSync(done); waited += 50) await sleep(50);
    expect(readFileSync(done, 'utf8')).toBe('whole\n');
  });

  it('a lost connection is an unknown outcome, and leaves nothing running', async () => {
    const sockets: Socket[] = [];
    const relay = createServer((socket) => {
      const real = connectSocket(sshd.port, '127.0.0.1');
      sockets.push(socket, real);
      socket
        .on('error', () => undefined)
        .pipe(real.on('error', () => undefined))
        .pipe(socket);
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const address = relay.address();
    const session = await connect({
      port: typeof address === 'object' && address !== null ? address.port : 0,
    });
    const file = join(sshd.dir, 'pid-cut');
    const running = session.run(script(`echo $$ > ${file}; echo hello; sleep 60`), { limit: 120 });
    const outcome = expect(running).rejects.toMatchObject({
      failure: 'cut',
      diagnostic: {
        code: 'connection-cut',
        host: 'lb1',
        summary: expect.stringContaining('what it did is unknown'),
      },
    });
    while (!existsSync(file) || readFileSync(file, 'utf8') === '') await sleep(20);
    for (const socket of sockets) socket.destroy();
    relay.close();
    await outcome;
    expect(await isGone(pidIn(file), 3_000)).toBe(true);
    const next = session.run(script('true'), { limit: 5 });
    await expect(next).rejects.toMatchObject({
      failure: 'unreachable',
      diagnostic: { code: 'connection-lost' },
    });
  });

  it('close() while a script runs', async () => {
    const session = await connect();
    const running = session.run(script('sleep 60'), { limit: 120 });
    const outcome = expect(running).rejects.toMatchObject({ failure: 'cut' });
    await sleep(200);
    session.close();
    session.close();
    await outcome;
  });

  it('twenty scripts at once, with a server that allows two', async () => {
    const narrow = await startSshd(['MaxSessions 2']);
    try {
      authorize(narrow, key);
      const session = await connect({ port: narrow.port });
      const runs = Array.from({ length: 20 }, (_, n) => session.run(script(`echo ${n}`), { limit: 10 }));
      expect((await Promise.all(runs)).map(({ stdout }) => stdout)).toEqual(runs.map((_, n) => `${n}\n`));
    } finally {
      await narrow.stop();
    }
  }, 20_000);

  it('an account without a shell says so', async () => {
    const session = await connect({ identityFile: keyWithCommand('nologin', '/usr/sbin/nologin') });
    const running = session.run(script('true'), { limit: 10 });
    await expect(running).rejects.toMatchObject({
      failure: 'unreachable',
      diagnostic: { code: 'no-shell', summary: expect.stringContaining('not available') },
    });
  });

  it('secrets show in neither the trace nor the processes of the host', async () => {
    const session = await connect();
    const secret = new Secret('hunter2-hunter2');
    // By the shell's own means: a program that searches would have the text in its arguments.
    const code = sh`p=${secret}
      for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
        text=$(tr '\\0' ' ' < "$file") 2>/dev/null
        case $text in *"$p"*) echo "$file" ;; esac
      done
      echo "\${#p}"`;
    const { stdout } = await session.run(code, { limit: 10 });
    expect(stdout).toBe('15\n');
    const started = events.find((event) => event.type === 'run-start');
    expect(JSON.stringify(events)).not.toContain('hunter2');
    expect(String(started?.script)).toContain('********');
    expect(events.find((event) => event.type === 'run-end')).toMatchObject({ exitCode: 0, timedOut: false });
  });

  it('nothing is left after close()', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    // The connections of the tests before this one are on their way out.
    await sleep(500);
    const before = sockets();
    const session = await connect();
    await session.run(script('sleep 5 & true'), { limit: 10 });
    expect(sockets()).toBe(before + 1);
    session.close();
    await sleep(400);
    expect(sockets()).toBe(before);
  });
});
