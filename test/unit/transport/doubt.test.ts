import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import { closeServers, failureOf, sshServer } from './bad-servers.js';
import { hostWith, script } from './hosts.js';
import { makeKey } from './sshd.js';

const PASSWORD = 'right-of-ops';
const home = mkdtempSync(join(tmpdir(), 'lbctl-doubt-'));
const key = makeKey(join(home, 'key'));
const otherKey = makeKey(join(home, 'other'), { type: 'rsa' });
afterAll(() => {
  closeServers();
  rmSync(home, { recursive: true, force: true });
});

/** A server where sudo asks for a password; `heard` is all that it was given on standard input. */
async function askingSudo() {
  const heard: string[] = [];
  const port = await sshServer({
    onClient: (client) =>
      client.on('session', (accept) =>
        accept().on('exec', (acceptExec, _, { command }) => {
          const channel = acceptExec();
          channel.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
          channel.stderr.write(/-p (\S+)/.exec(command)?.[1] ?? '');
        }),
      ),
  });
  return { port, heard };
}

function session(port: number, known: string) {
  const file = join(home, `known-${port}`);
  writeFileSync(file, known);
  let fetched = 0;
  const transport = createSshTransport({
    env: {},
    homeDir: home,
    configFiles: [],
    globalKnownHostsFiles: [],
    passwords: {
      of: async () => {
        fetched++;
        return new Secret(PASSWORD);
      },
    },
  });
  const source = { file: 'inventory.yaml', line: 1, column: 1 };
  const connecting = transport.connect(
    hostWith({
      port,
      user: 'ops',
      identityFile: key,
      knownHostsFile: file,
      strictHostKeyChecking: 'no',
      become: { method: 'sudo', password: { kind: 'env', name: 'PW', source } },
    }),
  );
  return { connecting, fetched: () => fetched };
}

it('sudo on a host whose key has changed gets no password, though lbctl is told to log in there', async () => {
  const { port, heard } = await askingSudo();
  const { connecting, fetched } = session(
    port,
    `[127.0.0.1]:${port} ${readFileSync(`${otherKey}.pub`, 'utf8')}`,
  );
  const it = await connecting;
  const error = await failureOf(it.run(script('true'), { limit: 10 }));
  expect(error).toMatchObject({ failure: 'privileges', code: 'become-password-withheld' });
  expect(error.summary).toContain('sudo on lb1 wants the password of ops, which is not sent');
  expect(error.hint).toContain(`-R '[127.0.0.1]:${port}'`);
  expect([fetched(), heard]).toEqual([0, []]);
  it.close();
});

it('sudo on a host that is met for the first time does, as is asked for', async () => {
  const { port, heard } = await askingSudo();
  const it = await session(port, '').connecting;
  const running = it.run(script('true'), { limit: 10, signal: AbortSignal.timeout(5_000) });
  running.catch(() => undefined);
  await expect.poll(() => heard.join(''), { timeout: 4_000 }).toBe(`${PASSWORD}\n`);
  it.close();
});
