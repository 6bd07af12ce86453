import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ask } from '../../../src/transport/ask.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { TransportError } from '../../../src/transport/types.js';
import { type Bundle, bundle } from '../support/bundle.js';
import { SMALLEST } from '../support/model.js';
import { answering } from './asked.js';
import { failureOf } from './bad-servers.js';
import { fidoAgent, fidoFile, fidoKey } from './fido.js';
import { hostWith, script } from './hosts.js';
import { authorize, canRunSshd, makeKey, type Sshd, startSshd } from './sshd.js';

describe.runIf(canRunSshd())('keys that are not simply there', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
    for (const type of ['ed25519', 'rsa']) {
      const [name, blob] = readFileSync(join(sshd.dir, `host_${type}.pub`), 'utf8').split(' ');
      appendFileSync(join(sshd.home, '.ssh', 'known_hosts'), `[127.0.0.1]:${sshd.port} ${name} ${blob}\n`);
    }
  });
  afterAll(() => sshd.stop());

  async function login(options: { agent?: string; identityFile?: string; ask?: Ask | null }) {
    const { agent, identityFile = null, ask = null } = options;
    const events: TransportEvent[] = [];
    const transport = createSshTransport({
      env: agent === undefined ? {} : { SSH_AUTH_SOCK: agent },
      homeDir: sshd.home,
      trace: (event) => events.push(event),
      globalKnownHostsFiles: [],
      configFiles: [],
      ask,
    });
    const session = await transport.connect(hostWith({ port: sshd.port, identityFile }));
    const { stdout } = await session.run(script('echo in'), { limit: 10 });
    session.close();
    expect(stdout).toBe('in\n');
    return events.flatMap((it) => (it.type === 'connected' ? [it.identity] : []))[0];
  }
  async function refusal(...args: Parameters<typeof login>) {
    const error = await login(...args).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof TransportError)) throw error ?? new Error('it was let in');
    return error.diagnostic;
  }

  describe.each(['ed25519', 'ecdsa'] as const)('a FIDO key (%s)', (kind) => {
    const key = fidoKey(kind);
    const socket = () => join(sshd.dir, `fido-${kind}`);
    const file = () => join(sshd.dir, `id_${kind}_sk`);
    beforeAll(() => {
      appendFileSync(join(sshd.dir, 'authorized_keys'), `${key.line}\n`);
      writeFileSync(file(), fidoFile(key), { mode: 0o600 });
    });

    it('of an agent, among other keys of it; the server asks for its signature once', async () => {
      const agent = await fidoAgent(socket(), [fidoKey('ed25519'), key]);
      try {
        expect(await login({ agent: socket() })).toMatch(/^fido \(SHA256:.*\) of the agent$/);
        expect(agent.signed()).toBe(1);
        expect(sshd.log()).toMatch(new RegExp(`Accepted publickey for root .*${kind.toUpperCase()}-SK`));
        // Named by its file, of which the agent holds the private part.
        expect(await login({ agent: socket(), identityFile: file() })).toContain('of the agent');
      } finally {
        agent.stop();
      }
    });

    it('that nobody touched is refused by the server', async () => {
      const agent = await fidoAgent(socket(), [key], { flags: 0 });
      try {
        expect((await refusal({ agent: socket() })).code).toBe('login-refused');
        expect(sshd.log()).toContain('rejected: user presence (authenticator touch) requirement not met');
      } finally {
        agent.stop();
      }
    });

    it('in a file: that it takes the agent, and the command', async () => {
      expect(readFileSync(file(), 'utf8')).toContain('OPENSSH PRIVATE KEY');
      // ssh-keygen takes the file for what it is.
      expect(execFileSync('ssh-keygen', ['-yf', file()], { encoding: 'utf8' })).toContain(key.type);
      const { code, summary, hint } = await refusal({ identityFile: file() });
      expect([code, hint]).toEqual(['key-fido', `add it to the agent: \`ssh-add ${file()}\``]);
      expect(summary).toContain(`${file()} is a FIDO key`);
    });
  });

  describe.each(['RSA', 'EC'])('an old %s key (PEM) with a passphrase and without its .pub', (type) => {
    const path = () => join(sshd.dir, `pem-${type}`);
    beforeAll(() => {
      makeKey(path(), { type: type === 'RSA' ? 'rsa' : 'ecdsa', passphrase: 'correct horse' });
      authorize(sshd, path());
      execFileSync(
        'ssh-keygen',
        ['-q', '-p', '-m', 'PEM', '-P', 'correct horse', '-N', 'correct horse', '-f', path()],
        {
          stdio: 'pipe',
        },
      );
      execFileSync('rm', [`${path()}.pub`]);
      expect(readFileSync(path(), 'utf8')).toMatch(/Proc-Type: 4,ENCRYPTED/);
    });

    it('is asked about, once again after a mistake', async () => {
      const ask = answering('wrong', 'correct horse');
      expect(await login({ identityFile: path(), ask })).toBe(path());
      expect(ask.questions).toEqual([
        `Passphrase of ${path()}: `,
        `That is not it. Passphrase of ${path()}: `,
      ]);
    });

    it('of which nobody knows the passphrase: that it is protected', async () => {
      expect((await refusal({ identityFile: path() })).code).toBe('key-encrypted');
      const gaveUp = await refusal({ identityFile: path(), ask: answering() });
      expect(gaveUp.code).toBe('login-refused');
      expect(JSON.stringify(gaveUp)).toContain('is protected by a passphrase');
    });
  });

  describe('a server that wants a password after the key', () => {
    let strict: Sshd;
    beforeAll(async () => {
      strict = await startSshd([
        'PermitRootLogin yes',
        'PasswordAuthentication yes',
        'AuthenticationMethods publickey,password',
      ]);
    });
    afterAll(() => strict.stop());

    it.each(['of an agent', 'with a passphrase', 'in a file'])('and a key %s', async (where) => {
      const path = makeKey(join(strict.dir, where.replaceAll(' ', '-')), {
        passphrase: where === 'with a passphrase' ? 'correct horse' : '',
      });
      authorize(strict, path);
      const socket = join(strict.dir, 'agent');
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      try {
        while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
        const env = { ...process.env, SSH_AUTH_SOCK: socket };
        if (where === 'of an agent') execFileSync('ssh-add', ['-q', path], { env, stdio: 'pipe' });
        const ask = answering(...(where === 'with a passphrase' ? ['correct horse'] : []), 'not it');
        const transport = createSshTransport({
          env: where === 'of an agent' ? { SSH_AUTH_SOCK: socket } : {},
          homeDir: strict.home,
          globalKnownHostsFiles: [],
          configFiles: [],
          ask,
        });
        const host = hostWith({
          port: strict.port,
          identityFile: where === 'of an agent' ? null : path,
          strictHostKeyChecking: 'accept-new',
        });
        const error = await failureOf(transport.connect(host));
        expect(error.code).toBe('login-refused');
        expect(error.summary).toContain('lb1 took the key of root@127.0.0.1');
        expect(error.summary).toContain('but wants password as well');
        expect(ask.questions).toContain('Password of root on lb1: ');
      } finally {
        agent.kill();
        await new Promise((resolve) => agent.once('exit', resolve));
      }
    });
  });

  describe('an agent that is forwarded', () => {
    let built: Bundle;
    beforeAll(() => {
      built = bundle();
    }, 60_000);
    afterAll(() => built.remove());

    it('lbctl on a host where one logged in with `ssh -A`', async () => {
      const mine = makeKey(join(sshd.dir, 'mine'));
      authorize(sshd, mine);
      const target = await startSshd();
      const socket = join(sshd.dir, 'agent');
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      try {
        authorize(target, mine);
        while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
        const env = { PATH: process.env.PATH, HOME: sshd.home, SSH_AUTH_SOCK: socket };
        execFileSync('ssh-add', ['-q', mine], { env, stdio: 'pipe' });
        const known = join(target.dir, 'known');
        const inventory = join(target.dir, 'inventory.yaml');
        const ssh = `{ user: root, hostname: 127.0.0.1, port: ${target.port}, known_hosts_file: ${known}, strict_host_key_checking: accept-new }`;
        writeFileSync(
          inventory,
          SMALLEST.replace('lb1: 10.0.0.11', `lb1: { address: 10.0.0.11, ssh: ${ssh} }`),
        );
        const ping = `${process.execPath} ${join(built.folder, 'main.js')} ping -v --json --limit web/lb1 ${inventory}`;
        const there = `export HOME=${target.home}; echo "agent $SSH_AUTH_SOCK" >&2; ${ping}`;
        const options = [
          '-F',
          'none',
          '-A',
          '-p',
          String(sshd.port),
          '-i',
          mine,
          '-o',
          'StrictHostKeyChecking=no',
        ];
        const { stdout, stderr } = spawnSync('ssh', [...options, 'root@127.0.0.1', there], {
          env,
          encoding: 'utf8',
        });
        expect(stderr).toMatch(/^agent \/tmp\/ssh-.*\/agent\.\d+$/m);
        expect(stderr).toMatch(/connected to lb1 .* with test \(SHA256:.*\) of the agent/);
        const { hosts } = JSON.parse(stdout).clusters[0];
        expect(hosts).toMatchObject([{ name: 'lb1', reachable: true, root: true }]);
      } finally {
        agent.kill();
        await target.stop();
      }
    }, 60_000);
  });
});
