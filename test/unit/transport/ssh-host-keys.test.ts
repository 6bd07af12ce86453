import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering } from './asked.js';
import { failureOf } from './bad-servers.js';
import { hostWith } from './hosts.js';
import { fingerprintOf, Logins } from './logins.js';
import { canRunSshd, makeKey } from './sshd.js';

describe.runIf(canRunSshd())("a real OpenSSH server's host key", () => {
  let logins: Logins;
  beforeAll(async () => {
    // It says in its log all that it is sent.
    logins = await Logins.start(['LogLevel DEBUG1', 'PasswordAuthentication yes']);
  });
  afterAll(() => logins.sshd.stop());
  beforeEach(() => logins.forget());

  it.each([null, 'ask', 'yes'] as const)(
    'unknown, with strict_host_key_checking %s: refused, with what to do',
    async (mode) => {
      const error = await logins.refusal({ identityFile: logins.key, strictHostKeyChecking: mode });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'host-key-unknown' });
      expect(error.detail).toContain(
        `ssh-ed25519, fingerprint ${fingerprintOf(join(logins.sshd.dir, 'host_ed25519'))}`,
      );
      expect(error.hint).toContain(`ssh-keyscan -p ${logins.sshd.port} 127.0.0.1 >> ${logins.knownHosts}`);
      expect(existsSync(logins.knownHosts)).toBe(false);
      expect(logins.connected).toBeUndefined();
    },
  );

  it.each(['accept-new', 'no'] as const)('unknown, with %s: accepted and written', async (mode) => {
    await logins.login({ identityFile: logins.key, strictHostKeyChecking: mode });
    expect(readFileSync(logins.knownHosts, 'utf8')).toBe(
      `[127.0.0.1]:${logins.sshd.port} ${logins.hostKey('ed25519')}\n`,
    );
    expect(statSync(logins.knownHosts).mode & 0o777).toBe(0o600);
    // Now that it is known, the strictest mode takes it, and ssh-keygen finds it.
    await logins.login({ identityFile: logins.key, strictHostKeyChecking: 'yes' });
    execFileSync('ssh-keygen', ['-f', logins.knownHosts, '-F', `[127.0.0.1]:${logins.sshd.port}`]);
  });

  it('is written to the file that the inventory names, whose directory is made, behind an unfinished line', async () => {
    const file = join(logins.sshd.dir, 'new', 'deep', 'kh');
    await logins.login({
      identityFile: logins.key,
      strictHostKeyChecking: 'accept-new',
      knownHostsFile: file,
    });
    expect(statSync(join(logins.sshd.dir, 'new')).mode & 0o777).toBe(0o700);
    writeFileSync(file, '# without a line end');
    await logins.login({
      identityFile: logins.key,
      strictHostKeyChecking: 'accept-new',
      knownHostsFile: file,
    });
    expect(readFileSync(file, 'utf8')).toBe(
      `# without a line end\n[127.0.0.1]:${logins.sshd.port} ${logins.hostKey('ed25519')}\n`,
    );
  });

  it('only the type that is known is asked for', async () => {
    logins.trustHost('rsa');
    await logins.login({ identityFile: logins.key });
    expect(logins.connected).toMatchObject({ hostKeyType: 'ssh-rsa' });
  });

  it('changed: refused with file and line and the command; accept-new does not help', async () => {
    const other = readFileSync(`${logins.key}.pub`, 'utf8');
    for (const mode of ['yes', 'ask', 'accept-new'] as const) {
      writeFileSync(logins.knownHosts, `# a comment\n[127.0.0.1]:${logins.sshd.port} ${other}`);
      const error = await logins.refusal({ identityFile: logins.key, strictHostKeyChecking: mode });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'host-key-changed' });
      expect(error.summary).toContain(`${logins.knownHosts}:2`);
      expect(error.hint).toContain(`ssh-keygen -f ${logins.knownHosts} -R '[127.0.0.1]:${logins.sshd.port}'`);
      expect(readFileSync(logins.knownHosts, 'utf8')).toBe(
        `# a comment\n[127.0.0.1]:${logins.sshd.port} ${other}`,
      );
    }
    // The command does what it says.
    execFileSync('ssh-keygen', ['-f', logins.knownHosts, '-R', `[127.0.0.1]:${logins.sshd.port}`], {
      stdio: 'pipe',
    });
    await logins.login({ identityFile: logins.key, strictHostKeyChecking: 'accept-new' });
  });

  it('changed, with no: a warning', async () => {
    logins.changeHost();
    await logins.login({ identityFile: logins.key, strictHostKeyChecking: 'no' });
    expect(logins.events.filter((event) => event.type === 'warning')).toMatchObject([
      { diagnostic: { severity: 'warning', code: 'host-key-changed' } },
    ]);
  });

  it('revoked: refused in every mode', async () => {
    for (const mode of ['yes', 'ask', 'accept-new', 'no'] as const) {
      logins.trustHost();
      writeFileSync(logins.knownHosts, `@revoked * ${logins.hostKey('ed25519')}\n`, { flag: 'a' });
      const error = await logins.refusal({ identityFile: logins.key, strictHostKeyChecking: mode });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'host-key-revoked' });
      expect(error.summary).toContain(`${logins.knownHosts}:2`);
    }
  });

  it('only an authority is known: unsupported', async () => {
    writeFileSync(logins.knownHosts, `@cert-authority * ${logins.hostKey('rsa')}\n`);
    expect(await logins.refusal({ identityFile: logins.key })).toMatchObject({ code: 'host-key-authority' });
  });

  it('of a known type that the host has no longer', async () => {
    const ecdsa = makeKey(join(logins.sshd.dir, `ecdsa-${Date.now()}`), { type: 'ecdsa' });
    writeFileSync(
      logins.knownHosts,
      `[127.0.0.1]:${logins.sshd.port} ${readFileSync(`${ecdsa}.pub`, 'utf8')}`,
    );
    const error = await logins.refusal({ identityFile: logins.key });
    expect(error).toMatchObject({ code: 'host-key-unknown' });
    expect(error.summary).toContain('ecdsa-sha2-nistp256');
    expect(error.detail).toContain('ssh-ed25519');
  });

  it('is known without the port, as ssh accepts it', async () => {
    writeFileSync(logins.knownHosts, `127.0.0.1 ${logins.hostKey('ed25519')}\n`);
    await logins.login({ identityFile: logins.key });
    expect(logins.connected).toMatchObject({ trustedBy: `${logins.knownHosts}:1` });
  });

  describe('what the server is sent', () => {
    /** Of one attempt: what the server's log holds of it, once the connection has ended. */
    async function heardFrom(attempt: () => Promise<unknown>): Promise<string> {
      const before = logins.sshd.log().length;
      await attempt();
      const heard = () => logins.sshd.log().slice(before);
      await expect.poll(heard, { timeout: 10_000 }).toMatch(/Connection (closed|reset)|Received disconnect/);
      return heard();
    }

    it.each(['yes', 'ask', 'accept-new'] as const)(
      'nothing more once its key is refused, not even the name of the user (%s)',
      async (strictHostKeyChecking) => {
        const ssh = { identityFile: logins.key, strictHostKeyChecking };
        logins.changeHost();
        const refused = await heardFrom(() => logins.refusal(ssh));
        expect(refused).toContain('SSH2_MSG_KEXINIT received');
        expect(refused).not.toMatch(/NEWKEYS received|userauth-request|Failed|Accepted/);
        // With the key that is known it does say so.
        logins.trustHost();
        const accepted = await heardFrom(() => logins.login(ssh));
        expect(accepted).toMatch(/NEWKEYS received[\s\S]*userauth-request for user root/);
      },
    );

    it('no password where the key has changed and checking is off, though somebody could type it', async () => {
      logins.changeHost();
      const ask = answering('typed', 'typed');
      const unknownKey = makeKey(join(logins.sshd.dir, 'unknown'));
      const host = hostWith({
        port: logins.sshd.port,
        identityFile: unknownKey,
        strictHostKeyChecking: 'no',
      });
      const heard = await heardFrom(() => failureOf(logins.transport({ ask }).connect(host)));
      expect(heard).toMatch(/userauth-request .* method publickey/);
      expect(heard).not.toMatch(/method (password|keyboard-interactive)/);
      expect(ask.questions).toEqual([]);
    });
  });
});
