import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { answering } from './asked.js';
import { closeServers, cuttingServer, failureOf, sshServer } from './bad-servers.js';
import { hostWith } from './hosts.js';
import { makeKey } from './sshd.js';

const home = mkdtempSync(join(tmpdir(), 'lbctl-cut-'));
const key = makeKey(join(home, 'key'));
afterAll(() => {
  closeServers();
  rmSync(home, { recursive: true, force: true });
});

const host = (port: number) => hostWith({ port, identityFile: key, strictHostKeyChecking: 'no' });
function watched(ask: ReturnType<typeof answering> | null = null) {
  const events: TransportEvent[] = [];
  const transport = createSshTransport({
    env: {},
    homeDir: home,
    trace: (event) => events.push(event),
    globalKnownHostsFiles: [],
    configFiles: [],
    ask,
  });
  return { transport, retries: () => events.filter((it) => it.type === 'retry').length };
}

const STAGES = [
  ['version', 'Remote ident', 'handshake'],
  ['KEXINIT', 'Sending KEXINIT', 'handshake'],
  ['reply of the key exchange', 'Sending KEXECDH_REPLY', 'handshake'],
  ['NEWKEYS', 'Sending NEWKEYS', 'handshake'],
  ['SERVICE_ACCEPT', 'Sending SERVICE_ACCEPT', 'authentication'],
  ['answer to the key', 'Received USERAUTH_REQUEST', 'authentication'],
  ['USERAUTH_SUCCESS', 'Sending USERAUTH_SUCCESS', 'authentication'],
] as const;

describe.concurrent.each(STAGES)('a connection that is cut before the %s', (_, at, stage) => {
  it.each(['end', 'reset'] as const)('(by %s) is made anew, with all keys', async (how) => {
    const { port, connections } = await cuttingServer(at, { times: 1, how });
    const { transport, retries } = watched();
    (await transport.connect(host(port))).close();
    expect([connections(), retries()]).toEqual([2, 1]);
  });

  it('three times: says at which stage, and not that the login was refused', async () => {
    const { port, connections } = await cuttingServer(at, { times: 9, how: 'end' });
    const { transport } = watched();
    const error = await failureOf(transport.connect(host(port)));
    expect(error.failure).toBe('unreachable');
    // The end of a socket with something unread in it is a reset.
    const codes = stage === 'handshake' ? ['handshake-failed', 'connect-reset'] : ['login-cut'];
    expect(codes).toContain(error.code);
    if (stage === 'authentication') {
      expect(error.summary).toContain('closed the connection during the login as root@127.0.0.1');
      expect(error.hint).not.toMatch(/MaxStartups|is that an SSH server/);
    }
    expect(connections()).toBe(3);
  });
});

it('a connection that is cut after somebody typed a password is not made anew: it would be asked for again', async () => {
  let logins = 0;
  const port = await sshServer({
    onAuthentication: (context, client) => {
      if (context.method !== 'password') return context.reject(['password']);
      logins++;
      client.end();
    },
  });
  const ask = answering('right', 'right', 'right');
  const error = await failureOf(watched(ask).transport.connect(host(port)));
  expect(error.code).toBe('login-cut');
  expect([logins, ask.questions.length]).toEqual([1, 1]);
});
