import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeServers, listen } from './bad-servers.js';
import { hostWith } from './hosts.js';
import { Logins } from './logins.js';
import { canRunSshd, freePort, startSshd } from './sshd.js';

describe.runIf(canRunSshd())('what goes wrong before the login', () => {
  let logins: Logins;
  beforeAll(async () => {
    logins = await Logins.start();
  });
  afterAll(async () => {
    closeServers();
    await logins.sshd.stop();
  });
  beforeEach(() => logins.forget());

  it('nobody listens', async () => {
    const error = await logins.refusal({ port: await freePort(), identityFile: logins.key });
    expect(error).toMatchObject({ failure: 'unreachable', code: 'connect-refused' });
    expect(logins.retries).toBe(2);
  });

  it('a name that does not exist', async () => {
    const error = await logins.refusal({ hostname: 'lb1.invalid', identityFile: logins.key });
    expect(error).toMatchObject({ failure: 'unreachable', code: 'name-not-found' });
    expect(error.summary).toContain('lb1.invalid');
  });

  it('a server that says nothing, within the time given', async () => {
    const port = await listen((socket) => socket.resume());
    const started = performance.now();
    const error = await logins.refusal({ port, connectTimeout: 0.5, identityFile: logins.key });
    expect(error).toMatchObject({ failure: 'unreachable', code: 'connect-timeout' });
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  it.each([
    ['at once', '', { tries: 3 }],
    ['after its version', 'SSH-2.0-OpenSSH_9.2\r\n', { tries: 3 }],
    ['after words that are no SSH', 'Go away\r\n', { tries: 3 }],
    ['since it has too many logins under way', 'Exceeded MaxStartups\r\n', { tries: 4 }],
    ['since it allows none now', 'Not allowed at this time\r\n', { tries: 4 }],
  ])('a server that closes the connection %s is tried again', async (_, words, { tries }) => {
    let connections = 0;
    const port = await listen((socket) => {
      connections++;
      socket.end(words);
    });
    // The pauses up to the fourth try take 3.2 s at most.
    const error = await logins.refusal({ port, identityFile: logins.key, connectTimeout: 3.7 });
    expect(error.failure).toBe('unreachable');
    expect(['handshake-failed', 'connect-reset']).toContain(error.code);
    expect(connections).toBeGreaterThanOrEqual(tries);
    if (tries === 3) expect(connections).toBe(3);
    if (!/^(SSH|$)/.test(words)) expect(error.detail).toContain(words.trim());
  });

  it.each([
    ['Ciphers', '3des-cbc'],
    // Post-quantum alone.
    ['KexAlgorithms', 'sntrup761x25519-sha512@openssh.com'],
  ])('a server with nothing but algorithms that are not supported: %s %s', async (kind, name) => {
    const odd = await startSshd([`${kind} ${name}`]);
    try {
      const error = await logins.refusal({ port: odd.port, identityFile: logins.key });
      expect(error).toMatchObject({ failure: 'unreachable', code: 'handshake-failed' });
      expect(error.detail).toContain(name);
    } finally {
      await odd.stop();
    }
  });

  it('a caller who gave up', async () => {
    const transport = logins.transport();
    const port = await listen((socket) => socket.resume());
    const host = hostWith({ port, identityFile: logins.key });
    await expect(transport.connect(host, AbortSignal.abort())).rejects.toMatchObject({ failure: 'aborted' });
    const meanwhile = transport.connect(host, AbortSignal.timeout(100));
    await expect(meanwhile).rejects.toMatchObject({ failure: 'aborted' });
  });
});

describe.runIf(canRunSshd())('a server that takes few logins at a time', () => {
  let logins: Logins;
  const start = async (maxStartups: string) => {
    logins = await Logins.start([`MaxStartups ${maxStartups}`]);
    logins.trustHost();
  };
  const sockets: Socket[] = [];
  const stop = async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await logins.sshd.stop();
  };

  it.each([
    ['2:100:2', 8],
    ['1', 4],
  ])('MaxStartups %s, and %i who log in at once: each has its turn', async (maxStartups, many) => {
    await start(maxStartups);
    try {
      await Promise.all(Array.from({ length: many }, () => logins.login({ identityFile: logins.key })));
      expect(logins.events.filter(({ type }) => type === 'connected')).toHaveLength(many);
      expect(logins.retries).toBeGreaterThan(0);
    } finally {
      await stop();
    }
  });

  /** Others who began to log in, and take both places. */
  async function others() {
    await start('2:100:2');
    while (sockets.length < 2) {
      const socket = connect(logins.sshd.port, '127.0.0.1').on('error', () => undefined);
      const said = await new Promise<Buffer | null>((resolve) =>
        socket.once('data', resolve).once('close', () => resolve(null)),
      );
      // Another one may still be on its way out.
      if (said?.toString().startsWith('SSH-')) sockets.push(socket);
      else socket.destroy();
    }
  }

  it('others who take 2 s for theirs are waited for', async () => {
    await others();
    try {
      setTimeout(() => sockets[0]?.destroy(), 2_000);
      await logins.login({ identityFile: logins.key });
      expect(logins.retries).toBeGreaterThan(0);
    } finally {
      await stop();
    }
  });

  it('others who never finish theirs: given up within ConnectTimeout, and what it may be', async () => {
    await others();
    try {
      const started = performance.now();
      const error = await logins.refusal({ identityFile: logins.key, connectTimeout: 2 });
      expect(performance.now() - started).toBeLessThan(4_000);
      expect(error.failure).toBe('unreachable');
      expect(error.hint).toContain('MaxStartups');
    } finally {
      await stop();
    }
  });
});
