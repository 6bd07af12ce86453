import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RemoteProcess } from '../../../src/transport/run-script.js';
import { SshSession } from '../../../src/transport/session.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import { targetOf } from '../../../src/transport/target.js';
import type { Connection } from '../../../src/transport/wire.js';
import { closeServers, failureOf, sshServer } from './bad-servers.js';
import { hostWith, script } from './hosts.js';
import { makeKey } from './sshd.js';

const home = mkdtempSync(join(tmpdir(), 'lbctl-silent-'));
const key = makeKey(join(home, 'key'));
afterAll(() => {
  closeServers();
  rmSync(home, { recursive: true, force: true });
});

const transport = () =>
  createSshTransport({ env: {}, homeDir: home, configFiles: [], globalKnownHostsFiles: [] });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a jump host that never says whether it reaches the host behind it', () => {
  /** `answer` is called when the connection has been given up. */
  async function behind() {
    const late: (() => void)[] = [];
    const closed: string[] = [];
    const port = await sshServer({
      onClient: (client) =>
        client
          .on('tcpip', (accept) => {
            late.push(() => accept().on('close', () => closed.push('channel')));
          })
          .on('close', () => closed.push('connection')),
    });
    const host = hostWith({
      hostname: '10.255.255.1',
      port: 22,
      proxyJump: `root@127.0.0.1:${port}`,
      identityFile: key,
      strictHostKeyChecking: 'no',
      connectTimeout: 0.5,
    });
    return { host, late, closed };
  }

  it('is waited for no longer than ConnectTimeout', async () => {
    const { host, late, closed } = await behind();
    const started = performance.now();
    const error = await failureOf(transport().connect(host));
    expect(error).toMatchObject({ failure: 'unreachable', code: 'connect-timeout' });
    expect(error.summary).toContain('by way of the jump host 127.0.0.1');
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(late).toHaveLength(1);
    // Nothing is left of it: neither the connection to the jump host, nor what it opens afterwards.
    late[0]?.();
    await expect.poll(() => closed).toContain('connection');
  });

  it('is not waited for when the caller gives up, nor are others who share it', async () => {
    const { host } = await behind();
    const by = transport();
    const started = performance.now();
    const patient = { ...host, ssh: { ...host.ssh, connectTimeout: 60 } };
    const works = [1, 2].map(() => failureOf(by.connect(patient, AbortSignal.timeout(700))));
    for (const error of await Promise.all(works)) expect(error.failure).toBe('aborted');
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

it('a server that says neither yes nor no to a login', async () => {
  const port = await sshServer({ onAuthentication: () => undefined });
  const by = createSshTransport({
    env: {},
    homeDir: home,
    configFiles: [],
    globalKnownHostsFiles: [],
    authenticationMs: 500,
  });
  const started = performance.now();
  const host = hostWith({ port, identityFile: key, strictHostKeyChecking: 'no' });
  const error = await failureOf(by.connect(host));
  expect(error).toMatchObject({ failure: 'unreachable', code: 'login-timeout' });
  expect(error.summary).toBe(`lb1 did not answer the login as root@127.0.0.1 port ${port} within 0.5 s`);
  expect(performance.now() - started).toBeLessThan(5_000);
});

describe('a server that opens no channel, and refuses none either', () => {
  const sessionOn = (connection: Connection, reconnect?: () => Promise<Connection>) =>
    new SshSession(targetOf(hostWith({}), 'me'), connection, () => undefined, {
      openMs: 100,
      ...(reconnect === undefined ? {} : { reconnect }),
    });

  it('is given up, and the script was not sent, not even over a channel that opens later', async () => {
    const heard: string[] = [];
    const process: RemoteProcess = {
      write: (data) => heard.push(data.toString()),
      onStdout: () => undefined,
      onStderr: () => undefined,
      onClose: () => undefined,
      close: () => heard.push('closed'),
    };
    let closed = 0;
    const session = sessionOn({
      address: '',
      lossReason: '',
      exec: () => sleep(300).then(() => process),
      forward: () => Promise.reject(new Error('no forwarding here')),
      close: () => closed++,
    });
    const error = await failureOf(session.run(script('true'), { limit: 10 }));
    expect(error).toMatchObject({ failure: 'unreachable', code: 'channel-silent' });
    expect(error.summary).toContain('the script was not sent');
    expect(closed).toBe(1);
    await expect.poll(() => heard).toEqual(['closed']);
  });

  it('at a real connection, as an interrupt would have it', async () => {
    const port = await sshServer({ onClient: (client) => client.on('session', () => undefined) });
    const host = hostWith({ port, identityFile: key, strictHostKeyChecking: 'no' });
    const session = await transport().connect(host);
    const running = session.run(script('true'), { limit: 10, signal: AbortSignal.timeout(200) });
    expect((await failureOf(running)).failure).toBe('aborted');
    session.close();
  });
});

it('a script that is never answered, over a connection that stands: 35 s more than its limit', async () => {
  vi.useFakeTimers();
  try {
    const nothing = () => undefined;
    const process = {
      write: nothing,
      onStdout: nothing,
      onStderr: nothing,
      onClose: nothing,
      close: nothing,
    };
    const connection = {
      address: '',
      lossReason: '',
      exec: async () => process,
      forward: () => Promise.reject(new Error('no forwarding here')),
      close: nothing,
    };
    const session = new SshSession(targetOf(hostWith({}), 'me'), connection, nothing);
    let error: Awaited<ReturnType<typeof failureOf>> | undefined;
    const running = failureOf(session.run(script('true'), { limit: 10 })).then((it) => {
      error = it;
    });
    await vi.advanceTimersByTimeAsync(44_000);
    expect(error).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2_000);
    await running;
    expect(error).toMatchObject({ failure: 'cut', code: 'step-stuck' });
    expect(error?.summary).toContain('35 s after its limit of 10 s: what it did is unknown');
  } finally {
    vi.useRealTimers();
  }
});
