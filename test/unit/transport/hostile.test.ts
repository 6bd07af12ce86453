import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as dialSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import { answering } from './asked.js';
import { closeServers, failureOf, lettingIn, listen, sshServer } from './bad-servers.js';
import { hostWith, script } from './hosts.js';
import { authorize, canRunSshd, makeKey, type Sshd, startSshd } from './sshd.js';

const NASTY = '\x1b[2J\x1b]0;owned\x07\x9b31m\u202e';
const home = mkdtempSync(join(tmpdir(), 'lbctl-hostile-'));
const key = makeKey(join(home, 'key'));
afterAll(() => {
  closeServers();
  rmSync(home, { recursive: true, force: true });
});

const transport = () =>
  createSshTransport({ env: {}, homeDir: home, configFiles: [], globalKnownHostsFiles: [] });
const host = (port: number) =>
  hostWith({ port, identityFile: key, strictHostKeyChecking: 'no', connectTimeout: 2 });

describe('a server that means harm', () => {
  it('sends escapes in its banner, and in what refuses the login', async () => {
    const port = await sshServer({
      banner: NASTY,
      onAuthentication: (context) => context.reject(['publickey']),
    });
    const error = await failureOf(transport().connect(host(port)));
    expect(error.detail).toContain('The server says');
    expect(error.said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });

  it('sends escapes instead of a version', async () => {
    const port = await listen((socket) => socket.end(`${NASTY}\r\n`));
    const error = await failureOf(transport().connect(host(port)));
    expect(error.said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });

  it('sends escapes in what it asks at the keyboard', async () => {
    const port = await sshServer({
      onAuthentication: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
        context.prompt([{ prompt: NASTY, echo: false }], 'title', NASTY, (answers) =>
          answers[0] === 'right' ? context.accept() : context.reject(['keyboard-interactive']),
        );
      },
    });
    const ask = answering('wrong', 'right');
    const by = createSshTransport({
      env: {},
      homeDir: home,
      configFiles: [],
      globalKnownHostsFiles: [],
      ask,
    });
    (await by.connect(host(port))).close();
    expect(ask.questions).toHaveLength(2);
    expect(ask.questions.join('')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });

  it.each(['no', 'yes'])(
    'shows another key than the known one, and wants a password: asked with a known key only (%s)',
    async (isKnown) => {
      const methods: string[] = [];
      const port = await sshServer({
        onAuthentication: (context) => {
          methods.push(context.method);
          if (context.method === 'password' && isKnown === 'yes') return context.accept();
          return context.reject(isKnown === 'yes' ? ['password'] : ['password', 'keyboard-interactive']);
        },
      });
      const other = makeKey(join(home, `other-${isKnown}`), { type: 'rsa' });
      const file = join(home, `known-${isKnown}`);
      const line = `[127.0.0.1]:${port} ${readFileSync(`${other}.pub`, 'utf8')}`;
      writeFileSync(file, isKnown === 'yes' ? '' : line);
      const ask = answering('secret', 'secret', 'secret', 'secret');
      const options = { env: {}, homeDir: home, configFiles: [], globalKnownHostsFiles: [], ask };
      const work = createSshTransport(options).connect({
        ...host(port),
        ssh: {
          ...host(port).ssh,
          knownHostsFile: file,
          identityFile: null,
        },
      });
      if (isKnown === 'yes') {
        (await work).close();
        expect(ask.questions).toHaveLength(1);
        return;
      }
      const error = await failureOf(work);
      expect(error.code).toBe('login-refused');
      expect(error.detail).toContain('Passwords are not asked for nor sent');
      expect(error.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${port}'`);
      expect(ask.questions).toEqual([]);
      expect(methods.filter((it) => it !== 'none' && it !== 'publickey')).toEqual([]);
    },
  );

  it('sends escapes instead of running anything', async () => {
    const port = await sshServer(
      lettingIn((channel) => {
        channel.stderr.write(NASTY);
        channel.write(NASTY);
        channel.exit(1);
        channel.end();
      }),
    );
    const session = await transport().connect(host(port));
    const error = await failureOf(session.run(script('true'), { limit: 5 }));
    expect(error.code).toBe('no-shell');
    expect(error.said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    session.close();
  });

  it('opens a channel and runs nothing in it: not taken for a lost connection', async () => {
    let clients = 0;
    const port = await sshServer({
      onClient: (client) => {
        clients++;
        client.on('session', (accept) => accept().on('exec', (_, reject) => reject()));
      },
    });
    const session = await transport().connect(host(port));
    const error = await failureOf(session.run(script('true'), { limit: 5 }));
    expect(error).toMatchObject({ failure: 'unreachable', code: 'no-shell' });
    expect(error.hint).toContain('ForceCommand');
    expect(clients).toBe(1);
    session.close();
  });

  it('answers no command: the caller can give up', async () => {
    const port = await sshServer(lettingIn(() => undefined));
    const session = await transport().connect(host(port));
    const running = session.run(script('true'), { limit: 30, signal: AbortSignal.timeout(200) });
    expect((await failureOf(running)).failure).toBe('aborted');
    session.close();
  });
});

describe.runIf(canRunSshd())('on the way to a real server', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
    authorize(sshd, key);
  });
  afterAll(() => sshd.stop());
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  /** A relay that changes or cuts what the server says; `seen` is how many bytes came before. */
  const relay = (change: (chunk: Buffer, seen: number, socket: Socket) => Buffer | null) =>
    listen((socket) => {
      const real = dialSocket(sshd.port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket, real);
      let seen = 0;
      socket.pipe(real);
      real.on('data', (chunk: Buffer) => {
        const changed = change(chunk, seen, socket);
        seen += chunk.length;
        if (changed === null) socket.destroy();
        else socket.write(changed);
      });
      real.on('close', () => socket.destroy());
      socket.on('close', () => real.destroy());
    });

  it.each([0, 1, 20, 100, 800, 1200, 1500, 2000, 2200])(
    'closes after %i bytes: refused or in, never stuck, never a stack trace',
    async (bytes) => {
      const port = await relay((chunk, seen) => (seen + chunk.length <= bytes ? chunk : null));
      const error = await failureOf(
        transport()
          .connect(host(port))
          .then((session) => session.run(script('true'), { limit: 5 })),
      );
      // Never that the login was refused: nobody said so.
      const codes = ['handshake-failed', 'connect-reset', 'login-cut', 'connection-lost', 'connection-cut'];
      expect(codes).toContain(error.code);
      expect(error.said).not.toMatch(/\n\s+at /);
    },
    20_000,
  );

  it('a signature that is wrong', async () => {
    // The reply of the key exchange holds the host key, the server's share and the signature, in this order.
    const port = await relay((chunk, seen) => {
      const at = seen > 0 ? chunk.indexOf('ssh-ed25519', chunk.lastIndexOf('ssh-ed25519')) : -1;
      const reply = chunk.indexOf(Buffer.from([0, 0, 0, 11, ...Buffer.from('ssh-ed25519'), 0, 0, 0, 64]));
      if (reply < 0 || at < 0) return chunk;
      const changed = Buffer.from(chunk);
      changed[reply + 25] = (changed[reply + 25] ?? 0) ^ 0xff;
      return changed;
    });
    const accepted = () => sshd.log().split('Accepted publickey').length;
    const before = accepted();
    const error = await failureOf(transport().connect(host(port)));
    expect(error).toMatchObject({ failure: 'unreachable', code: 'handshake-failed' });
    expect(error.summary).toMatch(/signature/i);
    expect(error.hint).toContain('does not hold the host key that it shows');
    expect(accepted()).toBe(before);
    // Its key is not kept either.
    const known = existsSync(join(home, '.ssh', 'known_hosts'));
    if (known) expect(readFileSync(join(home, '.ssh', 'known_hosts'), 'utf8')).not.toContain(`:${port} `);
  });

  it('a connection that is cut while something is only looked at: it is looked at again', async () => {
    let cuts = 0;
    const port = await relay((chunk) => chunk);
    const session = await transport().connect(host(port));
    const cut = () => {
      if (cuts++ === 0) for (const socket of sockets.splice(0)) socket.destroy();
    };
    setTimeout(cut, 700);
    const { stdout } = await session.run(script('sleep 1.5; echo whole'), { limit: 10, repeatable: true });
    expect([cuts, stdout]).toEqual([1, 'whole\n']);
    session.close();
  }, 15_000);

  it('a connection that is cut before a script is sent: the script runs over another one', async () => {
    const port = await relay((chunk) => chunk);
    const session = await transport().connect(host(port));
    for (const socket of sockets.splice(0)) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const results = await Promise.all([1, 2, 3].map((n) => session.run(script(`echo ${n}`), { limit: 10 })));
    expect(results.map((it) => it.stdout)).toEqual(['1\n', '2\n', '3\n']);
    session.close();
  }, 15_000);

  it('200 ms of delay cost time only', async () => {
    const port = await listen((socket) => {
      const real = dialSocket(sshd.port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket, real);
      const slow = (from: Socket, to: Socket) =>
        from.on('data', (chunk: Buffer) => setTimeout(() => to.write(chunk), 100));
      slow(socket, real);
      slow(real, socket);
    });
    const session = await createSshTransport({
      env: {},
      homeDir: home,
      configFiles: [],
      globalKnownHostsFiles: [],
    }).connect(hostWith({ port, identityFile: key, strictHostKeyChecking: 'no' }));
    expect((await session.run(script('echo there'), { limit: 10 })).stdout).toBe('there\n');
    session.close();
  }, 30_000);
});
