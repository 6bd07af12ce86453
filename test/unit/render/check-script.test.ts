import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { renderCheckScript } from '../../../src/render/check-script.js';
import { TRACK_FILES } from '../../../src/render/platform.js';
import { clusterOf } from '../support/model.js';
import { temporaryFolder } from '../support/shell.js';

/** A monitor on loopback that treats its callers so; the port it got. */
async function monitor(answer: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Runs the script as keepalived does: the file itself, without a shell or an environment. */
function check(
  port: number,
  { weight = 0, mark = '/nowhere' } = {},
): Promise<{ code: number; ms: number; said: string }> {
  const file = join(temporaryFolder(), 'check');
  const script = renderCheckScript({ ...clusterOf().check, port, weight });
  writeFileSync(file, script.replaceAll(TRACK_FILES.down.path, mark));
  chmodSync(file, 0o755);
  const started = performance.now();
  return new Promise((resolve) => {
    execFile(file, { env: {}, timeout: 5000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, ms: performance.now() - started, said: stdout + stderr });
    });
  });
}

it.each([
  ['200', 'HTTP/1.0 200 OK\r\n\r\n<html>', 0],
  ['200 by HTTP/1.1', 'HTTP/1.1 200 OK\r\n\r\n', 0],
  ['503', 'HTTP/1.0 503 Service Unavailable\r\n\r\n', 1],
  ['something else', 'SSH-2.0-OpenSSH_9\r\n', 1],
  ['a 200 that is no status', 'HTTP/1.0 503 x200\r\n', 1],
])('a monitor that answers %s', async (_, answer, code) => {
  let asked = '';
  const port = await monitor((socket) =>
    socket.on('data', (data) => {
      // bash sends a line at a time.
      asked += String(data);
      if (asked.endsWith('\r\n\r\n')) socket.end(answer);
    }),
  );
  expect(await check(port)).toMatchObject({ code, said: '' });
  expect(asked).toBe('GET /healthz HTTP/1.0\r\n\r\n');
});

it.each([
  ['of FAULT', 0, '1', 1],
  ['with a weight: the mark counts already', -20, '1', 0],
  ['with a weight, without a mark', -20, '0', 1],
  ['with a weight, and no such file', -20, null, 1],
])('nobody answers, %s', async (_, weight, mark, code) => {
  const file = join(temporaryFolder(), 'mark');
  if (mark !== null) writeFileSync(file, `${mark}\n`);
  // Port 1: nobody is there.
  expect(await check(1, { weight, mark: file })).toMatchObject({ code, said: '' });
});

it('a monitor that closes without a word', async () => {
  const port = await monitor((socket) => socket.destroy());
  const { code, said } = await check(port);
  // 1, or ended by the broken connection: keepalived takes both for a failure.
  expect([1, -1]).toContain(code);
  expect(said).toBe('');
});

it('a HAProxy that hangs is given up on within a second', async () => {
  const sockets: Socket[] = [];
  const port = await monitor((socket) => sockets.push(socket));
  const { code, ms } = await check(port);
  for (const socket of sockets) socket.destroy();
  expect(code).toBe(1);
  expect(ms).toBeGreaterThan(600);
  expect(ms).toBeLessThan(2000);
});

it('a port on which nothing listens', async () => {
  let close = () => {};
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    close = resolve;
    server.close(() => close());
  });
  expect(await check(port)).toMatchObject({ code: 1, said: '' });
});

it.each([
  ['that was just made stays: a stop is on its way', 5, '1'],
  ['that is older than any stop takes is mended', 40, '0'],
  ['from the future, since the clock was set back, is mended', -3600, '0'],
])('while HAProxy answers, a mark %s', async (_, age, left) => {
  const port = await monitor((socket) => socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n')));
  const mark = join(temporaryFolder(), 'mark');
  writeFileSync(mark, '1\n');
  const when = Date.now() / 1000 - age;
  utimesSync(mark, when, when);
  expect(await check(port, { mark })).toMatchObject({ code: 0, said: '' });
  expect(readFileSync(mark, 'utf8').trim()).toBe(left);
});
