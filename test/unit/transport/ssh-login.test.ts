import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshSettings } from '../../../src/inventory/model.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { TransportError } from '../../../src/transport/types.js';
import { hostWith, script } from './hosts.js';
import { authorize, canRunSshd, freePort, makeKey, type Sshd, startSshd } from './sshd.js';

describe.runIf(canRunSshd())('logging in to a real OpenSSH server', () => {
  let sshd: Sshd;
  let key: string;
  let events: TransportEvent[] = [];
  let agent: { pid: number; socket: string };

  beforeAll(async () => {
    sshd = await startSshd(['MaxAuthTries 3']);
    key = makeKey(join(sshd.dir, 'good'));
    authorize(sshd, key);
    const socket = join(sshd.dir, 'agent');
    const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    agent = { pid: child.pid ?? 0, socket };
    while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  afterAll(async () => {
    process.kill(agent.pid);
    await sshd.stop();
  });
  beforeEach(() => {
    events = [];
    rmSync(knownHosts(), { force: true });
    for (const name of ['id_ed25519', 'id_ed25519.pub', 'id_rsa'])
      rmSync(join(sshd.home, '.ssh', name), { force: true });
    ssh_add('-D', '-q');
  });

  const knownHosts = () => join(sshd.home, '.ssh', 'known_hosts');
  const ssh_add = (...args: string[]) =>
    execFileSync('ssh-add', args, { env: { ...process.env, SSH_AUTH_SOCK: agent.socket }, stdio: 'pipe' });
  const hostKey = (type: string) =>
    readFileSync(join(sshd.dir, `host_${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  const trustHost = (type = 'ed25519') =>
    writeFileSync(knownHosts(), `[127.0.0.1]:${sshd.port} ${hostKey(type)}\n`);
  const fingerprintOf = (path: string) =>
    execFileSync('ssh-keygen', ['-lf', `${path}.pub`], { encoding: 'utf8' }).split(' ')[1];

  /** Connects, runs `true`, closes; the trace is in `events`. */
  async function login(ssh: Partial<SshSettings> = {}, options: { withAgent?: boolean } = {}): Promise<void> {
    const transport = createSshTransport({
      env: options.withAgent ? { SSH_AUTH_SOCK: agent.socket } : {},
      homeDir: sshd.home,
      trace: (event) => events.push(event),
      globalKnownHostsFiles: [],
      configFiles: [],
    });
    const session = await transport.connect(hostWith({ port: sshd.port, ...ssh }));
    try {
      expect((await session.run(script('true'), { limit: 10 })).exitCode).toBe(0);
    } finally {
      session.close();
    }
  }

  async function refusal(ssh: Partial<SshSettings> = {}, options: { withAgent?: boolean } = {}) {
    const error = await login(ssh, options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof TransportError)) throw error ?? new Error('it was let in');
    expect(error.diagnostic).toMatchObject({ severity: 'error', host: 'lb1', cluster: 'web' });
    return { failure: error.failure, ...error.diagnostic };
  }

  const connected = () => events.find((event) => event.type === 'connected');

  describe('with keys', () => {
    it('the file that the inventory names', async () => {
      trustHost();
      await login({ identityFile: key });
      expect(connected()).toMatchObject({
        host: 'web/lb1',
        user: 'root',
        address: '127.0.0.1',
        port: sshd.port,
        hostKeyType: 'ssh-ed25519',
        hostKeyFingerprint: fingerprintOf(join(sshd.dir, 'host_ed25519')),
        trustedBy: `${knownHosts()}:1`,
        identity: key,
      });
      // The attempt without a key, a round trip, is left out.
      expect(sshd.log()).not.toContain('Failed none');
    });

    it.each(['ed25519', 'rsa', 'ecdsa'])('an %s key in the usual place', async (type) => {
      trustHost();
      const path = join(sshd.home, '.ssh', type === 'rsa' ? 'id_rsa' : 'id_ed25519');
      makeKey(path, { type });
      authorize(sshd, path);
      await login();
      expect(connected()).toMatchObject({ identity: path });
    });

    it('the agent', async () => {
      trustHost();
      ssh_add('-q', key);
      await login({}, { withAgent: true });
      expect(connected()).toMatchObject({ identity: `test (${fingerprintOf(key)}) of the agent` });
    });

    it('more keys in the agent than the server takes at once', async () => {
      trustHost();
      for (let n = 0; n < 7; n++) ssh_add('-q', makeKey(join(sshd.dir, `other${n}`)));
      ssh_add('-q', key);
      await login({}, { withAgent: true });
      expect(connected()).toMatchObject({ identity: `test (${fingerprintOf(key)}) of the agent` });
    });

    it('with identity_file the agent offers that key only', async () => {
      trustHost();
      ssh_add('-q', key);
      const { detail } = await refusal(
        { identityFile: makeKey(join(sshd.dir, 'only')) },
        { withAgent: true },
      );
      expect(detail).toContain(`Keys that were tried: ${join(sshd.dir, 'only')}.`);
    });

    it('a protected key that the agent holds', async () => {
      trustHost();
      const locked = makeKey(join(sshd.dir, 'locked'), { passphrase: 'correct horse' });
      authorize(sshd, locked);
      const error = await refusal({ identityFile: locked });
      expect(error).toMatchObject({
        failure: 'unreachable',
        code: 'key-encrypted',
        hint: `add it to the agent: \`ssh-add ${locked}\``,
      });
      execFileSync('ssh-add', ['-q', locked], {
        env: {
          ...process.env,
          SSH_AUTH_SOCK: agent.socket,
          SSH_ASKPASS_REQUIRE: 'force',
          SSH_ASKPASS: askpass(),
        },
      });
      await login({ identityFile: locked }, { withAgent: true });
      expect(connected()).toMatchObject({ identity: `test (${fingerprintOf(locked)}) of the agent` });
    });

    const askpass = () => {
      const path = join(sshd.dir, 'askpass');
      writeFileSync(path, '#!/bin/sh\necho "correct horse"\n', { mode: 0o755 });
      return path;
    };

    it('a refused login names ssh-copy-id and the keys that were tried', async () => {
      trustHost();
      const path = makeKey(join(sshd.home, '.ssh', 'id_ed25519'));
      const error = await refusal();
      expect(error).toMatchObject({ failure: 'unreachable', code: 'login-refused' });
      expect(error.summary).toBe(`lb1 refused the login as root@127.0.0.1 port ${sshd.port}`);
      expect(error.detail).toContain(`Keys that were tried: ${path}.`);
      expect(error.detail).toContain('The server offers: publickey.');
      expect(error.hint).toContain(`ssh-copy-id -p ${sshd.port} -i ${path} root@127.0.0.1`);
      expect(JSON.stringify(error)).not.toContain('PRIVATE');
      expect(events.filter((event) => event.type === 'retry')).toEqual([]);
    });

    it('no key at all: how to make one', async () => {
      trustHost();
      const error = await refusal();
      expect(error.detail).toContain('There was no key to try.');
      expect(error.hint).toContain('ssh-keygen -t ed25519');
    });

    it('an agent that is not there is mentioned, and does not stop a key file', async () => {
      trustHost();
      const transport = (homeDir: string) =>
        createSshTransport({
          env: { SSH_AUTH_SOCK: '/nowhere' },
          homeDir,
          globalKnownHostsFiles: [],
          configFiles: [],
        });
      const session = await transport(sshd.home).connect(hostWith({ port: sshd.port, identityFile: key }));
      session.close();
      await expect(transport(sshd.home).connect(hostWith({ port: sshd.port }))).rejects.toMatchObject({
        diagnostic: {
          detail: expect.stringContaining('The agent at /nowhere (SSH_AUTH_SOCK) does not answer.'),
        },
      });
    });

    it.each([
      ['is missing', () => undefined, 'identity-file', 'does not exist'],
      [
        'is no key',
        (path: string) => writeFileSync(path, 'hello', { mode: 0o600 }),
        'key-unsupported',
        'Unsupported key format',
      ],
      [
        'others can read',
        (path: string) => {
          makeKey(path);
          chmodSync(path, 0o644);
        },
        'key-open',
        'can be read by others',
      ],
    ])('an identity_file that %s', async (what, prepare, code, words) => {
      const path = join(sshd.dir, `odd-${what.replaceAll(' ', '-')}`);
      prepare(path);
      const error = await refusal({ identityFile: path });
      expect(error.code).toBe(code);
      expect(error.summary).toContain(path);
      expect(error.summary).toContain(words);
    });
  });

  describe("the host's key", () => {
    it.each([null, 'ask', 'yes'] as const)(
      'unknown, with strict_host_key_checking %s: refused, with what to do',
      async (mode) => {
        const error = await refusal({ identityFile: key, strictHostKeyChecking: mode });
        expect(error).toMatchObject({ failure: 'unreachable', code: 'host-key-unknown' });
        expect(error.detail).toContain(
          `ssh-ed25519, fingerprint ${fingerprintOf(join(sshd.dir, 'host_ed25519'))}`,
        );
        expect(error.hint).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1 >> ${knownHosts()}`);
        expect(existsSync(knownHosts())).toBe(false);
        expect(connected()).toBeUndefined();
      },
    );

    it.each(['accept-new', 'no'] as const)('unknown, with %s: accepted and written', async (mode) => {
      await login({ identityFile: key, strictHostKeyChecking: mode });
      expect(readFileSync(knownHosts(), 'utf8')).toBe(`[127.0.0.1]:${sshd.port} ${hostKey('ed25519')}\n`);
      expect(statSync(knownHosts()).mode & 0o777).toBe(0o600);
      // Now that it is known, the strictest mode takes it, and ssh-keygen finds it.
      await login({ identityFile: key, strictHostKeyChecking: 'yes' });
      execFileSync('ssh-keygen', ['-f', knownHosts(), '-F', `[127.0.0.1]:${sshd.port}`]);
    });

    it('is written to the file that the inventory names, whose directory is made, behind an unfinished line', async () => {
      const file = join(sshd.dir, 'new', 'deep', 'kh');
      await login({ identityFile: key, strictHostKeyChecking: 'accept-new', knownHostsFile: file });
      expect(statSync(join(sshd.dir, 'new')).mode & 0o777).toBe(0o700);
      writeFileSync(file, '# without a line end');
      await login({ identityFile: key, strictHostKeyChecking: 'accept-new', knownHostsFile: file });
      expect(readFileSync(file, 'utf8')).toBe(
        `# without a line end\n[127.0.0.1]:${sshd.port} ${hostKey('ed25519')}\n`,
      );
    });

    it('only the type that is known is asked for', async () => {
      trustHost('rsa');
      await login({ identityFile: key });
      expect(connected()).toMatchObject({ hostKeyType: 'ssh-rsa' });
    });

    it('changed: refused with file and line and the command; accept-new does not help', async () => {
      const other = readFileSync(`${key}.pub`, 'utf8');
      for (const mode of ['yes', 'ask', 'accept-new'] as const) {
        writeFileSync(knownHosts(), `# a comment\n[127.0.0.1]:${sshd.port} ${other}`);
        const error = await refusal({ identityFile: key, strictHostKeyChecking: mode });
        expect(error).toMatchObject({ failure: 'unreachable', code: 'host-key-changed' });
        expect(error.summary).toContain(`${knownHosts()}:2`);
        expect(error.hint).toContain(`ssh-keygen -f ${knownHosts()} -R '[127.0.0.1]:${sshd.port}'`);
        expect(readFileSync(knownHosts(), 'utf8')).toBe(`# a comment\n[127.0.0.1]:${sshd.port} ${other}`);
      }
      // The command does what it says.
      execFileSync('ssh-keygen', ['-f', knownHosts(), '-R', `[127.0.0.1]:${sshd.port}`], { stdio: 'pipe' });
      await login({ identityFile: key, strictHostKeyChecking: 'accept-new' });
    });

    it('changed, with no: a warning', async () => {
      writeFileSync(knownHosts(), `[127.0.0.1]:${sshd.port} ${readFileSync(`${key}.pub`, 'utf8')}`);
      await login({ identityFile: key, strictHostKeyChecking: 'no' });
      expect(events.filter((event) => event.type === 'warning')).toMatchObject([
        { diagnostic: { severity: 'warning', code: 'host-key-changed' } },
      ]);
    });

    it('revoked: refused in every mode', async () => {
      for (const mode of ['yes', 'ask', 'accept-new', 'no'] as const) {
        trustHost();
        writeFileSync(knownHosts(), `@revoked * ${hostKey('ed25519')}\n`, { flag: 'a' });
        const error = await refusal({ identityFile: key, strictHostKeyChecking: mode });
        expect(error).toMatchObject({ failure: 'unreachable', code: 'host-key-revoked' });
        expect(error.summary).toContain(`${knownHosts()}:2`);
      }
    });

    it('only an authority is known: unsupported', async () => {
      writeFileSync(knownHosts(), `@cert-authority * ${hostKey('rsa')}\n`);
      expect(await refusal({ identityFile: key })).toMatchObject({ code: 'host-key-authority' });
    });

    it('of a known type that the host has no longer', async () => {
      const ecdsa = makeKey(join(sshd.dir, `ecdsa-${Date.now()}`), { type: 'ecdsa' });
      writeFileSync(knownHosts(), `[127.0.0.1]:${sshd.port} ${readFileSync(`${ecdsa}.pub`, 'utf8')}`);
      const error = await refusal({ identityFile: key });
      expect(error).toMatchObject({ code: 'host-key-unknown' });
      expect(error.summary).toContain('ecdsa-sha2-nistp256');
      expect(error.detail).toContain('ssh-ed25519');
    });

    it('is known without the port, as ssh accepts it', async () => {
      writeFileSync(knownHosts(), `127.0.0.1 ${hostKey('ed25519')}\n`);
      await login({ identityFile: key });
      expect(connected()).toMatchObject({ trustedBy: `${knownHosts()}:1` });
    });
  });

  describe('what goes wrong before', () => {
    const servers: Server[] = [];
    afterAll(() => {
      for (const server of servers) server.close();
    });
    async function badServer(onConnection: Parameters<typeof createServer>[1]): Promise<number> {
      const server = createServer({}, onConnection);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    }

    it('nobody listens', async () => {
      const error = await refusal({ port: await freePort(), identityFile: key });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'connect-refused' });
      expect(events.filter((event) => event.type === 'retry')).toHaveLength(2);
    });

    it('a name that does not exist', async () => {
      const error = await refusal({ hostname: 'lb1.invalid', identityFile: key });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'name-not-found' });
      expect(error.summary).toContain('lb1.invalid');
    });

    it('a server that says nothing, within the time given', async () => {
      const port = await badServer((socket) => socket.on('error', () => undefined).resume());
      const started = performance.now();
      const error = await refusal({ port, connectTimeout: 0.5, identityFile: key });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'connect-timeout' });
      expect(performance.now() - started).toBeLessThan(1_500);
    });

    it.each([
      ['at once', ''],
      ['after words that are no SSH', 'Not allowed at this time\r\n'],
      ['after its version', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ])('a server that closes the connection %s is tried three times', async (_, words) => {
      let connections = 0;
      const port = await badServer((socket) => {
        connections++;
        socket.on('error', () => undefined).end(words);
      });
      const error = await refusal({ port, identityFile: key });
      expect(error.failure).toBe('unreachable');
      expect(['handshake-failed', 'connect-reset']).toContain(error.code);
      expect(connections).toBe(3);
      if (words.startsWith('Not')) expect(error.detail).toContain('Not allowed at this time');
    });

    it('a connection that is dropped at first (MaxStartups) stands at the second try', async () => {
      trustHost();
      let connections = 0;
      const { connect } = await import('node:net');
      const port = await badServer((socket) => {
        socket.on('error', () => undefined);
        if (++connections === 1) return socket.destroy();
        const real = connect(sshd.port, '127.0.0.1').on('error', () => undefined);
        return socket.pipe(real).pipe(socket);
      });
      writeFileSync(knownHosts(), `[127.0.0.1]:${port} ${hostKey('ed25519')}\n`);
      await login({ port, identityFile: key });
      expect(connections).toBe(2);
    });

    it.each([
      ['Ciphers', '3des-cbc'],
      // Post-quantum alone.
      ['KexAlgorithms', 'sntrup761x25519-sha512@openssh.com'],
    ])('a server with nothing but algorithms that are not supported: %s %s', async (kind, name) => {
      const odd = await startSshd([`${kind} ${name}`]);
      try {
        const error = await refusal({ port: odd.port, identityFile: key });
        expect(error).toMatchObject({ failure: 'unreachable', code: 'handshake-failed' });
        expect(error.detail).toContain(name);
      } finally {
        await odd.stop();
      }
    });

    it('a caller who gave up', async () => {
      const transport = createSshTransport({
        env: {},
        homeDir: sshd.home,
        globalKnownHostsFiles: [],
        configFiles: [],
      });
      const port = await badServer((socket) => socket.on('error', () => undefined).resume());
      const already = transport.connect(hostWith({ port, identityFile: key }), AbortSignal.abort());
      await expect(already).rejects.toMatchObject({ failure: 'aborted' });
      const meanwhile = transport.connect(hostWith({ port, identityFile: key }), AbortSignal.timeout(100));
      await expect(meanwhile).rejects.toMatchObject({ failure: 'aborted' });
    });
  });
});
