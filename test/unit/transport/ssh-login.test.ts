import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fingerprintOf, Logins } from './logins.js';
import { authorize, canRunSshd, makeKey } from './sshd.js';

describe.runIf(canRunSshd())('logging in to a real OpenSSH server with keys', () => {
  let logins: Logins;
  let agent: { pid: number; socket: string };

  beforeAll(async () => {
    logins = await Logins.start(['MaxAuthTries 3']);
    const socket = join(logins.sshd.dir, 'agent');
    const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    agent = { pid: child.pid ?? 0, socket };
    while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  afterAll(async () => {
    process.kill(agent.pid);
    await logins.sshd.stop();
  });
  beforeEach(() => {
    logins.forget();
    for (const name of ['id_ed25519', 'id_ed25519.pub', 'id_rsa'])
      rmSync(join(logins.sshd.home, '.ssh', name), { force: true });
    sshAdd('-D', '-q');
  });

  const sshAdd = (...args: string[]) =>
    execFileSync('ssh-add', args, { env: { ...process.env, SSH_AUTH_SOCK: agent.socket }, stdio: 'pipe' });
  const withAgent = () => ({ SSH_AUTH_SOCK: agent.socket });

  it('the file that the inventory names', async () => {
    logins.trustHost();
    await logins.login({ identityFile: logins.key });
    expect(logins.connected).toMatchObject({
      host: 'web/lb1',
      user: 'root',
      address: '127.0.0.1',
      port: logins.sshd.port,
      hostKeyType: 'ssh-ed25519',
      hostKeyFingerprint: fingerprintOf(join(logins.sshd.dir, 'host_ed25519')),
      trustedBy: `${logins.knownHosts}:1`,
      identity: logins.key,
    });
    // The attempt without a key, a round trip, is left out.
    expect(logins.sshd.log()).not.toContain('Failed none');
  });

  it.each(['ed25519', 'rsa', 'ecdsa'])('an %s key in the usual place', async (type) => {
    logins.trustHost();
    const path = join(logins.sshd.home, '.ssh', type === 'rsa' ? 'id_rsa' : 'id_ed25519');
    makeKey(path, { type });
    authorize(logins.sshd, path);
    await logins.login();
    expect(logins.connected).toMatchObject({ identity: path });
  });

  it('the agent', async () => {
    logins.trustHost();
    sshAdd('-q', logins.key);
    await logins.login({}, withAgent());
    expect(logins.connected).toMatchObject({ identity: `test (${fingerprintOf(logins.key)}) of the agent` });
  });

  it('more keys in the agent than the server takes at once', async () => {
    logins.trustHost();
    for (let n = 0; n < 7; n++) sshAdd('-q', makeKey(join(logins.sshd.dir, `other${n}`)));
    sshAdd('-q', logins.key);
    await logins.login({}, withAgent());
    expect(logins.connected).toMatchObject({ identity: `test (${fingerprintOf(logins.key)}) of the agent` });
  });

  it('with identity_file the agent offers that key only', async () => {
    logins.trustHost();
    sshAdd('-q', logins.key);
    const { detail } = await logins.refusal(
      { identityFile: makeKey(join(logins.sshd.dir, 'only')) },
      withAgent(),
    );
    expect(detail).toContain(`Keys that were tried: ${join(logins.sshd.dir, 'only')}.`);
  });

  it('a protected key that the agent holds', async () => {
    logins.trustHost();
    const locked = makeKey(join(logins.sshd.dir, 'locked'), { passphrase: 'correct horse' });
    authorize(logins.sshd, locked);
    const error = await logins.refusal({ identityFile: locked });
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
    await logins.login({ identityFile: locked }, withAgent());
    expect(logins.connected).toMatchObject({ identity: `test (${fingerprintOf(locked)}) of the agent` });
  });

  const askpass = () => {
    const path = join(logins.sshd.dir, 'askpass');
    writeFileSync(path, '#!/bin/sh\necho "correct horse"\n', { mode: 0o755 });
    return path;
  };

  it('a refused login names ssh-copy-id and the keys that were tried', async () => {
    logins.trustHost();
    const path = makeKey(join(logins.sshd.home, '.ssh', 'id_ed25519'));
    const error = await logins.refusal();
    expect(error).toMatchObject({ failure: 'unreachable', code: 'login-refused' });
    expect(error.summary).toBe(`lb1 refused the login as root@127.0.0.1 port ${logins.sshd.port}`);
    expect(error.detail).toContain(`Keys that were tried: ${path}.`);
    expect(error.detail).toContain('The server offers: publickey.');
    expect(error.hint).toContain(`ssh-copy-id -p ${logins.sshd.port} -i ${path} root@127.0.0.1`);
    expect(JSON.stringify(error)).not.toContain('PRIVATE');
    expect(logins.retries).toBe(0);
  });

  it('no key at all: how to make one', async () => {
    logins.trustHost();
    const error = await logins.refusal();
    expect(error.detail).toContain('There was no key to try.');
    expect(error.hint).toContain('ssh-keygen -t ed25519');
  });

  it('an agent that is not there is mentioned, and does not stop a key file', async () => {
    logins.trustHost();
    const noAgent = { SSH_AUTH_SOCK: '/nowhere' };
    await logins.login({ identityFile: logins.key }, noAgent);
    const { detail } = await logins.refusal({}, noAgent);
    expect(detail).toContain('The agent at /nowhere (SSH_AUTH_SOCK) does not answer.');
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
    const path = join(logins.sshd.dir, `odd-${what.replaceAll(' ', '-')}`);
    prepare(path);
    const error = await logins.refusal({ identityFile: path });
    expect(error.code).toBe(code);
    expect(error.summary).toContain(path);
    expect(error.summary).toContain(words);
  });
});
