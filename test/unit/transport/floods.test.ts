import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { string } from '../../../src/transport/key-blob.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import { closeServers, failureOf, lettingIn, listen, sendRaw, sshServer } from './bad-servers.js';
import { hostWith, script } from './hosts.js';
import { makeKey } from './sshd.js';

const home = mkdtempSync(join(tmpdir(), 'lbctl-floods-'));
const key = makeKey(join(home, 'key'));
afterAll(() => {
  closeServers();
  rmSync(home, { recursive: true, force: true });
});

const GB = 1 << 30;
/** As much as the reader takes, to a GB. */
function pour(stream: Writable, chunk: Buffer): void {
  let left = GB;
  const more = () => {
    while (stream.writable && left > 0) {
      left -= chunk.length;
      if (!stream.write(chunk)) return;
    }
  };
  stream.on('drain', more).on('error', () => undefined);
  more();
}

const source = { file: 'inventory.yaml', line: 1, column: 1 };
const host = (port: number, user = 'root') =>
  hostWith({
    port,
    user,
    identityFile: key,
    strictHostKeyChecking: 'no',
    connectTimeout: 3,
    become: { method: 'sudo', password: { kind: 'env', name: 'PW', source } },
  });
const transport = () =>
  createSshTransport({
    env: {},
    homeDir: home,
    configFiles: [],
    globalKnownHostsFiles: [],
    authenticationMs: 2_000,
    passwords: { of: async () => new Secret('secret') },
  });

describe('a server that sends 1 GB', () => {
  let [started, before] = [0, 0];
  beforeEach(() => {
    started = performance.now();
    before = process.memoryUsage().rss;
  });
  /** One message that a person can read, in little time and memory. */
  const expectBounded = ({ said }: { readonly said: string }) => {
    expect(said.length).toBeLessThan(3_000);
    expect(performance.now() - started).toBeLessThan(12_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 << 20);
  };

  it.each([
    ['without a line end', 'x'.repeat(1 << 20)],
    ['in lines', `${'x'.repeat(1023)}\n`.repeat(1024)],
    ['in empty lines', '\n'.repeat(1 << 16)],
  ])('where its version should stand, %s', async (_, text) => {
    const port = await listen((socket: Socket) => pour(socket, Buffer.from(text)));
    const error = await failureOf(transport().connect(host(port)));
    expect(error.failure).toBe('unreachable');
    expectBounded(error);
  });

  it('of banners, and never lets anybody in', async () => {
    const banner = Buffer.concat([Buffer.from([53]), string('x'.repeat(30_000)), string('')]);
    const port = await sshServer({
      onAuthentication: (_, client) => {
        const timer = setInterval(() => {
          while (sendRaw(client, banner));
        }, 1);
        client.on('close', () => clearInterval(timer));
      },
    });
    const error = await failureOf(transport().connect(host(port)));
    expect(error).toMatchObject({ failure: 'unreachable', code: 'login-timeout' });
    expectBounded(error);
  });

  it('for a script', async () => {
    const port = await sshServer(lettingIn((channel) => pour(channel, Buffer.alloc(1 << 16, 'x'))));
    const session = await transport().connect(host(port));
    const error = await failureOf(session.run(script('true'), { limit: 30 }));
    expect(error.code).toBe('output-too-large');
    expectBounded(error);
  });

  it.each(['stdout', 'stderr'] as const)('where sudo should ask for a password, on %s', async (stream) => {
    const port = await sshServer(
      lettingIn((channel) =>
        pour(stream === 'stdout' ? channel : channel.stderr, Buffer.alloc(1 << 16, 'x')),
      ),
    );
    const session = await transport().connect(host(port, 'ops'));
    const error = await failureOf(session.run(script('true'), { limit: 30 }));
    expect(error).toMatchObject({ failure: 'privileges', code: 'sudo-silent' });
    expectBounded(error);
    session.close();
  });
});
