import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeServers, failureOf, listen } from './bad-servers.js';
import { hostWith, script } from './hosts.js';
import { Logins } from './logins.js';
import { pidIn } from './processes.js';
import { canRunSshd } from './sshd.js';

/** A connection that is never closed, and over which nothing comes any more. */
describe.runIf(canRunSshd())('a connection that dies without a word', () => {
  let logins: Logins;
  beforeAll(async () => {
    logins = await Logins.start();
  });
  afterAll(async () => {
    closeServers();
    await logins.sshd.stop();
  });
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    const pid = existsSync(stoppedFile()) ? pidIn(stoppedFile()) : 0;
    if (pid > 1) process.kill(pid, 'SIGKILL');
    rmSync(stoppedFile(), { force: true });
  });
  /** Where a script leaves the id of the process that it stopped. */
  const stoppedFile = () => join(logins.sshd.dir, 'stopped');

  async function loggedIn(port: number, aliveLines: string) {
    const config = join(logins.sshd.home, '.ssh', 'config');
    writeFileSync(config, `Host *\n${aliveLines}`);
    const host = hostWith({ port, identityFile: logins.key, strictHostKeyChecking: 'no' });
    return logins.transport({ configFiles: [config] }).connect(host);
  }
  const ALIVE = '  ServerAliveInterval 1\n  ServerAliveCountMax 2\n';

  /** A way to the server that keeps what it should pass on while it is stalled. */
  async function stallingWay() {
    const way = { port: 0, stalled: false };
    way.port = await listen((socket) => {
      const real = connect(logins.sshd.port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket, real);
      for (const [from, to] of [
        [socket, real],
        [real, socket],
      ] as const) {
        const held: Buffer[] = [];
        const pass = () => {
          if (!way.stalled) for (const chunk of held.splice(0)) to.write(chunk);
        };
        const timer = setInterval(pass, 50);
        from
          .on('data', (chunk: Buffer) => {
            held.push(chunk);
            pass();
          })
          .on('close', () => {
            clearInterval(timer);
            to.destroy();
          });
      }
    });
    return way;
  }

  it('the link: known within ServerAliveInterval times ServerAliveCountMax and one more', async () => {
    const way = await stallingWay();
    const session = await loggedIn(way.port, ALIVE);
    const running = session.run(script('echo begun; sleep 30'), { limit: 60 });
    setTimeout(() => {
      way.stalled = true;
    }, 300);
    const started = performance.now();
    const error = await failureOf(running);
    const seconds = (performance.now() - started) / 1000;
    expect(error).toMatchObject({ failure: 'cut', code: 'connection-cut' });
    expect(error.summary).toContain('what it did is unknown');
    expect(error.detail).toMatch(/keepalive/i);
    // Half a minute is the default.
    expect(seconds).toBeGreaterThan(1.5);
    expect(seconds).toBeLessThan(8);
    session.close();
  });

  it('the server: as soon', async () => {
    const session = await loggedIn(logins.sshd.port, ALIVE);
    const started = performance.now();
    const error = await failureOf(
      session.run(
        script(`p=$$
while read -r name < "/proc/$p/comm"; [ "$name" != sshd ]; do p=$(awk '{ print $4 }' "/proc/$p/stat"); done
echo "$p" > ${stoppedFile()}; kill -STOP "$p"; sleep 30`),
        { limit: 60 },
      ),
    );
    expect(error).toMatchObject({ failure: 'cut', code: 'connection-cut' });
    expect(performance.now() - started).toBeLessThan(8_000);
    session.close();
  });

  it('where ServerAliveInterval is 0 nobody asks: what stalls for longer is waited for', async () => {
    const way = await stallingWay();
    const session = await loggedIn(way.port, '  ServerAliveInterval 0\n  ServerAliveCountMax 1\n');
    setTimeout(() => {
      way.stalled = true;
    }, 300);
    setTimeout(() => {
      way.stalled = false;
    }, 4_000);
    const { stdout } = await session.run(script('sleep 1; echo whole'), { limit: 60 });
    expect(stdout).toBe('whole\n');
    session.close();
  });
});
