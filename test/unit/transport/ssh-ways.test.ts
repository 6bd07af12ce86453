import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshSettings } from '../../../src/inventory/model.js';
import type { Ask } from '../../../src/transport/ask.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { TransportError } from '../../../src/transport/types.js';
import { answering } from './asked.js';
import { hostWith, script } from './hosts.js';
import { authorize, canRunSshd, makeKey, type Sshd, startSshd } from './sshd.js';

describe.runIf(canRunSshd())('SSH as people have it', () => {
  let sshd: Sshd;
  let bastion: Sshd;
  let inner: Sshd;
  let key: string;
  let ca: string;
  let agent: { pid: number; socket: string };
  let events: TransportEvent[] = [];

  beforeAll(async () => {
    ca = makeKey(join(tmpdir(), `lbctl-ca-${process.pid}`));
    [sshd, bastion, inner] = await Promise.all([
      startSshd([`TrustedUserCAKeys ${ca}.pub`, 'MaxAuthTries 20']),
      startSshd(),
      startSshd(['AllowTcpForwarding no']),
    ]);
    key = makeKey(join(sshd.dir, 'good'));
    for (const server of [sshd, bastion, inner]) authorize(server, key);
    const socket = join(sshd.dir, 'agent');
    const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    agent = { pid: child.pid ?? 0, socket };
    while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  afterAll(async () => {
    process.kill(agent.pid);
    await Promise.all([sshd.stop(), bastion.stop(), inner.stop()]);
    rmSync(ca, { force: true });
    rmSync(`${ca}.pub`, { force: true });
  });
  beforeEach(() => {
    events = [];
    rmSync(join(sshd.home, '.ssh'), { recursive: true, force: true });
    mkdirSync(join(sshd.home, '.ssh'), { mode: 0o700 });
    sshAdd('-D', '-q');
  });

  const sshAdd = (...args: string[]) =>
    execFileSync('ssh-add', args, { env: { ...process.env, SSH_AUTH_SOCK: agent.socket }, stdio: 'pipe' });
  const knownHosts = () => join(sshd.home, '.ssh', 'known_hosts');
  const configure = (text: string) => writeFileSync(join(sshd.home, '.ssh', 'config'), text);
  const lineOf = (server: Sshd, type = 'ed25519') =>
    `[127.0.0.1]:${server.port} ${readFileSync(join(server.dir, `host_${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')}\n`;
  const trust = (...servers: Sshd[]) => writeFileSync(knownHosts(), servers.map((it) => lineOf(it)).join(''));
  const fingerprintOf = (server: Sshd) =>
    execFileSync('ssh-keygen', ['-lf', join(server.dir, 'host_ed25519.pub')], { encoding: 'utf8' }).split(
      ' ',
    )[1];

  const transport = (ask: Ask | null = null, env: Record<string, string> = {}) =>
    createSshTransport({
      env,
      homeDir: sshd.home,
      trace: (event) => events.push(event),
      globalKnownHostsFiles: [],
      configFiles: [join(sshd.home, '.ssh', 'config')],
      ask,
    });
  async function login(
    ssh: Partial<SshSettings> = {},
    options: { ask?: Ask; env?: Record<string, string>; transport?: ReturnType<typeof transport> } = {},
  ): Promise<string> {
    const by = options.transport ?? transport(options.ask ?? null, options.env);
    const session = await by.connect(hostWith(ssh));
    try {
      return (
        await session.run(script('echo "$SSH_CONNECTION" | cut -d" " -f4'), { limit: 10 })
      ).stdout.trim();
    } finally {
      session.close();
    }
  }
  async function refusal(...args: Parameters<typeof login>) {
    const error = await login(...args).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof TransportError)) throw error ?? new Error('it was let in');
    return { failure: error.failure, ...error.diagnostic };
  }
  const connections = () => events.flatMap((it) => (it.type === 'connected' ? [it] : []));

  describe('by its configuration', () => {
    it('an alias with everything', async () => {
      const other = join(sshd.dir, 'other-known-hosts');
      writeFileSync(other, `pair ${lineOf(sshd).split(' ').slice(1).join(' ')}`);
      configure(`Host pair1
  HostName 127.0.0.1
  Port ${sshd.port}
  User root
  IdentityFile ${join(sshd.dir, '%n-missing')}
  IdentityFile ${key}
  IdentitiesOnly yes
  HostKeyAlias pair
  UserKnownHostsFile ${other}
  StrictHostKeyChecking yes
`);
      const port = await login({ hostname: 'pair1', user: null });
      expect(port).toBe(String(sshd.port));
      expect(connections()).toMatchObject([{ user: 'root', identity: key, trustedBy: `${other}:1` }]);
      expect(events.find((it) => it.type === 'settings')).toMatchObject({ name: 'pair1' });
    });

    it('GlobalKnownHostsFile is trusted as well', async () => {
      const everybodys = join(sshd.dir, 'global-known-hosts');
      writeFileSync(everybodys, lineOf(sshd));
      configure(
        `Host *\n  GlobalKnownHostsFile ${everybodys}\n  StrictHostKeyChecking yes\n  IdentityFile ${key}\n`,
      );
      await login({ port: sshd.port });
      expect(connections()).toMatchObject([{ trustedBy: `${everybodys}:1` }]);
    });

    it('ConnectTimeout bounds a server that says nothing', async () => {
      const silent = createServer(() => undefined);
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as AddressInfo;
      configure(`Host *\n  ConnectTimeout 1\n  StrictHostKeyChecking no\n  IdentityFile ${key}\n`);
      const began = performance.now();
      const error = await refusal({ port });
      silent.close();
      expect(error.failure).toBe('unreachable');
      // Ten seconds are the default.
      expect(performance.now() - began).toBeLessThan(9_000);
    });

    it('IdentityAgent, and none', async () => {
      trust(sshd);
      sshAdd('-q', key);
      configure(`Host *\n  IdentityAgent ${agent.socket}\n`);
      await login({ port: sshd.port });
      configure('Host *\n  IdentityAgent none\n');
      const error = await refusal({ port: sshd.port }, { env: { SSH_AUTH_SOCK: agent.socket } });
      expect(error.detail).toContain('There was no key to try.');
    });

    it('IdentitiesOnly keeps the other keys of the agent back', async () => {
      trust(sshd);
      for (let n = 0; n < 3; n++) sshAdd('-q', makeKey(join(sshd.dir, `only${n}-${Date.now()}`)));
      configure(`Host *\n  IdentitiesOnly yes\n  IdentityFile ${key}\n`);
      await login({ port: sshd.port }, { env: { SSH_AUTH_SOCK: agent.socket } });
      expect(connections()).toMatchObject([{ identity: key }]);
      expect(sshd.log()).not.toContain('Failed publickey');
    });

    it('accept-new writes hashed names where HashKnownHosts says so, and ssh-keygen finds them', async () => {
      configure(`Host *\n  StrictHostKeyChecking accept-new\n  HashKnownHosts yes\n  IdentityFile ${key}\n`);
      await login({ port: sshd.port });
      expect(readFileSync(knownHosts(), 'utf8')).toMatch(/^\|1\|[^ ]+ ssh-ed25519 /);
      execFileSync('ssh-keygen', ['-f', knownHosts(), '-F', `[127.0.0.1]:${sshd.port}`]);
      await login({ port: sshd.port, strictHostKeyChecking: 'yes' });
    });

    it('a mistake in it is told', async () => {
      configure('Host *\n  Port many\n');
      expect(await refusal({ port: null })).toMatchObject({
        code: 'ssh-config',
        summary: expect.stringMatching(/line 2/),
      });
    });
  });

  describe('through other hosts', () => {
    it('a jump host of the inventory, one connection for two hosts, its key checked', async () => {
      trust(sshd, bastion, inner);
      const by = transport();
      const proxyJump = `root@127.0.0.1:${bastion.port}`;
      const hosts = [sshd, inner].map((it) => hostWith({ port: it.port, proxyJump, identityFile: key }));
      const sessions = await Promise.all(hosts.map((host) => by.connect(host)));
      const ports = await Promise.all(
        sessions.map((it) => it.run(script('echo "$SSH_CONNECTION"'), { limit: 10 })),
      );
      expect(ports.map((it) => it.stdout.trim().split(' ')[3])).toEqual([
        String(sshd.port),
        String(inner.port),
      ]);
      expect(connections().map((it) => it.name)).toEqual(['the jump host 127.0.0.1', 'lb1', 'lb1']);
      expect(connections().map((it) => it.trustedBy)).toContain(`${knownHosts()}:2`);
      for (const session of sessions) session.close();
      await expect
        .poll(() => /session closed|Disconnected from|disconnected by user/i.test(bastion.log()))
        .toBe(true);
    });

    it('chains by the configuration', async () => {
      trust(sshd, bastion);
      configure(`Host b1
  HostName 127.0.0.1
  Port ${bastion.port}
Host b2
  HostName 127.0.0.1
  Port ${sshd.port}
Host end
  HostName 127.0.0.1
  Port ${bastion.port}
  ProxyJump b1,b2
Host *
  User root
  IdentityFile ${key}
`);
      expect(await login({ hostname: 'end', user: null })).toBe(String(bastion.port));
      expect(connections().map((it) => it.name)).toEqual(['the jump host b1', 'the jump host b2', 'lb1']);
    });

    it('a jump host whose key is unknown, or changed: nothing goes on', async () => {
      trust(sshd);
      const proxyJump = `127.0.0.1:${bastion.port}`;
      const unknown = await refusal({ port: sshd.port, proxyJump, identityFile: key });
      expect(unknown).toMatchObject({ code: 'host-key-unknown', host: 'lb1' });
      expect(unknown.summary).toContain('the jump host 127.0.0.1');
      writeFileSync(
        knownHosts(),
        `${lineOf(sshd)}${lineOf(inner).replace(String(inner.port), String(bastion.port))}`,
      );
      const changed = await refusal({ port: sshd.port, proxyJump, identityFile: key });
      expect(changed).toMatchObject({ code: 'host-key-changed' });
      expect(changed.summary).toContain(`${knownHosts()}:2`);
    });

    it('a second jump host whose key has changed: nothing goes on to the host behind it', async () => {
      const imposter = lineOf(inner).replace(String(inner.port), String(sshd.port));
      writeFileSync(knownHosts(), `${lineOf(bastion)}${imposter}`);
      const proxyJump = `127.0.0.1:${bastion.port},127.0.0.1:${sshd.port}`;
      const error = await refusal({ port: inner.port, proxyJump, identityFile: key });
      expect(error).toMatchObject({ code: 'host-key-changed' });
      expect(error.summary).toContain(`${knownHosts()}:2`);
      expect(connections().map(({ name }) => name)).toEqual([expect.stringContaining('jump host')]);
    });

    it('a jump host that forbids it, and one that finds nobody', async () => {
      trust(sshd, bastion, inner);
      const forbidden = await refusal({
        port: sshd.port,
        proxyJump: `root@127.0.0.1:${inner.port}`,
        identityFile: key,
      });
      expect(forbidden).toMatchObject({ code: 'jump-forbidden' });
      const nobody = await refusal({
        port: 1,
        proxyJump: `root@127.0.0.1:${bastion.port}`,
        identityFile: key,
      });
      expect(nobody).toMatchObject({ code: 'jump-no-way' });
      expect(nobody.summary).toContain('Connection refused');
    });

    it('a ProxyCommand, and one that fails with what it said', async () => {
      trust(sshd);
      const relay = `node -e 'const s=require("net").connect(+process.argv[2],process.argv[1]);process.stdin.pipe(s).pipe(process.stdout)'`;
      configure(`Host 127.0.0.1\n  ProxyCommand ${relay} %h %p\n`);
      expect(await login({ port: sshd.port, identityFile: key })).toBe(String(sshd.port));
      configure('Host 127.0.0.1\n  ProxyCommand echo "no way to %h" >&2; exit 1\n');
      const error = await refusal({ port: sshd.port, identityFile: key });
      expect(error).toMatchObject({ code: 'proxy-command' });
      expect(error.detail).toContain('no way to 127.0.0.1');
    });
  });

  describe('asking', () => {
    it.each(['yes', 'fingerprint'])('about a new host key: %s', async (answer) => {
      const ask = answering(answer === 'yes' ? 'yes' : (fingerprintOf(sshd) ?? ''));
      await login({ port: sshd.port, identityFile: key }, { ask });
      expect(ask.questions).toHaveLength(1);
      expect(ask.questions[0]).toContain(fingerprintOf(sshd));
      expect(ask.questions[0]).toContain(knownHosts());
      expect(readFileSync(knownHosts(), 'utf8')).toBe(lineOf(sshd));
    });

    it.each([['no'], ['SHA256:other', 'maybe', 'really'], []])('and not: %j', async (...answers) => {
      const ask = answering(...answers);
      const error = await refusal({ port: sshd.port, identityFile: key }, { ask });
      expect(error.code).toBe('host-key-unknown');
      expect(existsSync(knownHosts())).toBe(false);
    });

    it('is not done for a changed key, nor with yes', async () => {
      const ask = answering('yes', 'yes');
      await refusal({ port: sshd.port, identityFile: key, strictHostKeyChecking: 'yes' }, { ask });
      writeFileSync(knownHosts(), lineOf(inner).replace(String(inner.port), String(sshd.port)));
      expect((await refusal({ port: sshd.port, identityFile: key }, { ask })).code).toBe('host-key-changed');
      expect(ask.questions).toEqual([]);
    });

    it('about a passphrase, once for all hosts, and only when the key is wanted', async () => {
      trust(sshd, bastion);
      const locked = makeKey(join(sshd.dir, `locked-${Date.now()}`), { passphrase: 'correct horse' });
      authorize(sshd, locked);
      authorize(bastion, locked);
      const ask = answering('wrong', 'correct horse');
      const by = transport(ask);
      await Promise.all([
        login({ port: sshd.port, identityFile: locked }, { transport: by }),
        login({ port: bastion.port, identityFile: locked }, { transport: by }),
      ]);
      expect(ask.questions).toEqual([
        `Passphrase of ${locked}: `,
        `That is not it. Passphrase of ${locked}: `,
      ]);
      const unwanted = makeKey(join(sshd.dir, `unwanted-${Date.now()}`), { passphrase: 'correct horse' });
      const unasked = answering('correct horse');
      await refusal({ port: sshd.port, identityFile: unwanted }, { ask: unasked });
      expect(unasked.questions).toEqual([]);
    });
  });

  describe('keys that ssh2 does not know', () => {
    it.each(['ed25519', 'rsa', 'ecdsa'])('a %s certificate of an agent', async (type) => {
      trust(sshd);
      const path = makeKey(join(sshd.dir, `cert-${type}-${Date.now()}`), { type });
      execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'me', '-n', 'root', `${path}.pub`], {
        stdio: 'pipe',
      });
      sshAdd('-q', path);
      await login({ port: sshd.port }, { env: { SSH_AUTH_SOCK: agent.socket } });
      expect(sshd.log()).toMatch(/Accepted publickey for root .*-CERT/i);
      // With IdentitiesOnly the certificate beside the file counts as well.
      await login({ port: sshd.port, identityFile: path }, { env: { SSH_AUTH_SOCK: agent.socket } });
    });

    it('a certificate beside a file, and no agent: that it takes the agent', async () => {
      trust(sshd);
      const path = makeKey(join(sshd.dir, `alone-${Date.now()}`));
      execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'me', '-n', 'root', `${path}.pub`], {
        stdio: 'pipe',
      });
      const error = await refusal({ port: sshd.port, identityFile: path });
      expect(error.code).toBe('login-refused');
      expect(error.detail).toContain(`The certificate ${path}-cert.pub was not offered`);
      expect(error.hint).toContain(`ssh-add ${path}`);
    });

    it.each(['ed25519', 'rsa', 'ecdsa'])('a plain %s key of an agent', async (type) => {
      trust(sshd);
      const path = makeKey(join(sshd.dir, `plain-${type}-${Date.now()}`), { type });
      authorize(sshd, path);
      sshAdd('-q', path);
      await login({ port: sshd.port }, { env: { SSH_AUTH_SOCK: agent.socket } });
      expect(connections()).toHaveLength(1);
    });
  });
});
