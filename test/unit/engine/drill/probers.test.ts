import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { problemWith } from '../../../../src/engine/drill/answer.js';
import { probeHere } from '../../../../src/engine/drill/probe-here.js';
import { parseSample, probeScript, probeThere, SILENCE } from '../../../../src/engine/drill/probe-there.js';
import type { Sample } from '../../../../src/engine/drill/samples.js';
import type { Aim } from '../../../../src/engine/drill/target.js';
import { aimOf } from '../../../../src/engine/drill/target.js';
import { TransportError } from '../../../../src/transport/types.js';
import { certificate } from '../../support/certificate.js';
import { clusterOf } from '../../support/model.js';

const answer = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'));
const GOOD = 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok';

describe('an answer', () => {
  it.each([
    ['whole', GOOD, null, null],
    ['a redirect', 'HTTP/1.1 302 Found\n\n', null, null],
    ['not found is an answer', 'HTTP/1.1 404 Not Found\n\n', null, null],
    ['HAProxy without a server', 'HTTP/1.0 503 Service Unavailable\n\n', null, 'status 503'],
    ['not the wanted status', 'HTTP/1.1 404 Not Found\n\n', 200, 'status 404'],
    ['the wanted status, though it is an error', 'HTTP/1.1 503 No\n\n', 503, null],
    ['nothing', '', null, 'closed without an answer'],
    ['half a head', 'HTTP/1.1 200 OK\nContent-', null, 'answer cut off'],
    ['half a body', 'HTTP/1.1 200 OK\nContent-Length: 9\n\nok', null, 'answer cut off'],
    ['no HTTP', 'SSH-2.0-x\n\n', null, 'answer cut off'],
  ])('%s', (_, text, wanted, problem) => {
    expect(problemWith(answer(text), wanted)).toBe(problem);
  });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server on loopback that answers as told; `null`: never. */
function serve(text: string | null): Promise<Aim> {
  return serveWith(
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        if (text !== null) socket.end(answer(text));
      });
    }),
  );
}

function serveWith(server: Server): Promise<Aim> {
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      if (at === null || typeof at === 'string') throw new Error('no port');
      const { port } = at;
      resolve({
        kind: 'http',
        address: '127.0.0.1',
        port,
        hostHeader: 'test',
        path: '/',
        status: null,
        label: '',
      });
    });
  });
}

/** Whether a TLS client said whom it calls. */
function named(socket: TLSSocket): boolean {
  return typeof socket.servername === 'string';
}

/** Samples, that many or a few more. */
async function here(aim: Aim, enough: number): Promise<readonly Sample[]> {
  const prober = probeHere({ aim, rate: 50 });
  while (prober.samples.length < enough) await new Promise((resolve) => setTimeout(resolve, 10));
  prober.stop();
  return prober.samples;
}

/** As a host would run it; `without`: what that host does not have. */
function there(
  aim: Aim,
  enough: number,
  without = '',
): Promise<{ readonly lines: readonly string[]; readonly samples: readonly Sample[] }> {
  const script = probeScript({ aim, rate: 50 }).text.reveal();
  const hidden = without === '' ? script : script.replace(`for python in ${without} `, 'for python in ');
  const child = spawn('sh', ['-c', hidden], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let out = '';
  const read = () => {
    const lines = out.split('\n').slice(0, -1);
    return { lines, samples: lines.flatMap((line) => parseSample(line, 0) ?? []) };
  };
  return new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (read().samples.length < enough) return;
      child.stdout.removeAllListeners('data');
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    });
    child.on('close', () => resolve(read()));
  });
}

describe.each([
  ['in this process', here],
  ['python3 on a host', async (aim: Aim, enough: number) => (await there(aim, enough)).samples],
  ['bash on a host', async (aim: Aim, enough: number) => (await there(aim, enough, 'python3')).samples],
])('a client loop: %s', (_, ask) => {
  it('tells when each request began and ended', async () => {
    const began = Date.now();
    const samples = await ask(await serve(GOOD), 30);
    expect(samples.filter((it) => !it.ok)).toEqual([]);
    for (const { start, end } of samples) {
      expect(start).toBeGreaterThan(began - 1000);
      expect(end).toBeGreaterThanOrEqual(start);
      expect(end).toBeLessThan(Date.now() + 1000);
    }
  });

  it('calls a refused connection, a 503 and silence failures', async () => {
    const gone = await serve(GOOD);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect((await ask(gone, 5)).filter((it) => it.ok)).toEqual([]);
    const empty = await ask(await serve('HTTP/1.1 503 No\n\n'), 5);
    expect([...new Set(empty.map(({ why }) => why))]).toEqual(['status 503']);
    const silent = await ask(await serve(null), 5);
    expect([...new Set(silent.map(({ why }) => why))]).toEqual(['timeout']);
    for (const { start, end } of silent) expect(end - start).toBeGreaterThanOrEqual(900);
  });
});

it('a client loop on a host says with what it asks', async () => {
  const aim = await serve(GOOD);
  expect((await there(aim, 1)).lines[0]).toBe('ready python3');
  expect((await there(aim, 1, 'python3')).lines[0]).toBe('ready bash');
});

describe('a client loop on a host that is lost', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** As the session to that host: lines come when told, and it ends when told. */
  function lost() {
    vi.useFakeTimers();
    const heard: ((line: string) => void)[] = [];
    const ends: ((how: { exitCode: number; stderr: string } | Error) => void)[] = [];
    const session = {
      host: { name: 'client' },
      run: (_: unknown, { onLine }: { onLine(line: string): void }) => {
        heard.push(onLine);
        return new Promise((resolve, reject) => {
          ends.push((how) => (how instanceof Error ? reject(how) : resolve(how)));
        });
      },
    } as never;
    const aim = { kind: 'http', address: '192.0.2.1', port: 80, hostHeader: 'x', path: '/' } as const;
    const prober = probeThere({ session, offset: 0, aim: { ...aim, status: null, label: '' }, rate: 1 });
    const say = (line: string) => heard.forEach((it) => void it(line));
    const end = async (how: { exitCode: number; stderr: string } | Error) => {
      ends[0]?.(how);
      await vi.advanceTimersByTimeAsync(0);
    };
    return { prober, say, end };
  }

  it('says so when its program or its connection ends', async () => {
    const killed = lost();
    await killed.end({ exitCode: 137, stderr: 'Killed\n' });
    expect(killed.prober.failure()).toBe('the client loop on client ended (exit 137): Killed');
    const cut = lost();
    const diagnostic = { severity: 'error', code: 'x', summary: 'the connection was closed' } as const;
    await cut.end(new TransportError('cut', diagnostic));
    expect(cut.prober.failure()).toBe('the client loop on client is lost: the connection was closed');
  });

  it('and when nothing is heard of it any more, long before its connection ends', async () => {
    const { prober, say } = lost();
    say('ready python3');
    for (let second = 0; second < 3 * SILENCE; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      say('1795471841361.000 1795471841362.000 ok');
    }
    expect(prober.failure()).toBeNull();
    await vi.advanceTimersByTimeAsync((SILENCE + 1) * 1000);
    expect(prober.failure()).toBe(`the client loop on client has not been heard of for ${SILENCE} s`);
  });

  it('but not when it was stopped', async () => {
    const { prober } = lost();
    prober.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(prober.failure()).toBeNull();
  });
});

const TWO = ['[10.0.0.100/24]', '[10.0.0.100/24, 10.0.0.101/24]'] as const;
const MAIL = [
  '      frontends:\n',
  '      frontends:\n        mail: { bind: [25], mode: tcp, default_backend: mail }\n',
] as const;

const POST = [
  '      backends:\n',
  '      backends:\n        mail: { mode: tcp, servers: { post: "10.0.0.23:25" } }\n',
] as const;

describe.each([
  ['in this process', here],
  ['python3 on a host', async (aim: Aim, enough: number) => (await there(aim, enough)).samples],
])('a client loop over TLS: %s', (_, ask) => {
  it.each([
    ['shop.example:8443', true],
    ['127.0.0.1', false],
  ])('calls the server by the name of the URL (%s)', async (hostHeader, answered) => {
    const { key, cert } = certificate();
    const strict = createTlsServer(
      {
        ...{ key, cert },
        SNICallback: (name, done) =>
          name === 'shop.example'
            ? done(null, createSecureContext({ key, cert }))
            : done(new Error('unknown')),
      },
      // Whoever gives no name is not asked for one.
      (socket) =>
        socket.on('error', () => undefined).once('data', () => socket.end(named(socket) ? answer(GOOD) : '')),
    ).on('tlsClientError', () => undefined);
    const aim = await serveWith(strict);
    const samples = await ask({ ...aim, kind: 'https', hostHeader }, 3);
    expect(new Set(samples.map(({ ok }) => ok))).toEqual(new Set([answered]));
  });
});

describe('a client loop is aimed', () => {
  it('over a wildcard at the addresses', () => {
    expect(aimOf(clusterOf(['bind: [80]', 'bind: ["*:80"]']), [], [])).toMatchObject({
      label: 'http://10.0.0.100/',
    });
  });

  it('at an HTTP frontend, through an address that the host to break holds', () => {
    expect(aimOf(clusterOf(TWO, MAIL, POST), [], [])).toMatchObject({
      kind: 'http',
      port: 80,
      address: '10.0.0.100',
    });
    expect(aimOf(clusterOf(TWO, MAIL, POST), ['10.0.0.101'], [])).toMatchObject({
      label: 'http://10.0.0.101/',
    });
  });

  it('at verify.url, whose name goes into the Host header', () => {
    const verify = 'verify: { url: "http://example.org/health", status: 204 }';
    expect(aimOf(clusterOf(['    haproxy:\n', `    ${verify}\n    haproxy:\n`]), [], [])).toMatchObject({
      ...{ kind: 'http', address: '10.0.0.100', port: 80, path: '/health' },
      ...{ hostHeader: 'example.org', status: 204, label: 'http://10.0.0.100/health' },
    });
  });
});
