import { spawn } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { bin, cleanEnv, lbctl, type Run } from './support/lbctl.js';
import { inventory, startReady } from './support/pair.js';

/** Control characters other than the line feed, escapes of terminals among them. */
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

describe('what lbctl prints', () => {
  let ready: string;
  let edited: string;

  beforeAll(async () => {
    ready = await startReady();
    edited = await inventory('edited.yaml', ({ clusters: { web } }) => {
      web.haproxy.backends.app.balance = 'leastconn';
      web.haproxy.frontends.main.lines = ['# \u202etxt.exe ünïcode'];
    });
  });

  it('off a terminal has no control characters, and every line of progress its host or cluster', async () => {
    const runs: Record<string, Run> = {
      plan: await lbctl('plan', edited),
      up: await lbctl('up', edited, '-v', '--diff'),
      status: await lbctl('status', edited),
      refused: await lbctl('up', '/nowhere'),
      back: await lbctl('up', ready),
    };
    expect(Object.values(runs).map(({ exit }) => exit)).toEqual([2, 0, 0, 3, 0]);
    for (const [name, { said }] of Object.entries(runs)) {
      const at = CONTROL.exec(said)?.index ?? -1;
      expect(at < 0 ? '' : JSON.stringify(said.slice(Math.max(0, at - 30), at + 30)), name).toBe('');
      expect(said, name).not.toContain('\u202e');
    }
    for (const line of runs.back?.stderr.trim().split('\n') ?? [])
      expect(line).toMatch(/^(up:|web(\/lb[12])?:) /);
    expect(runs.plan?.stderr).not.toContain('balance leastconn');
    expect(runs.plan?.stdout).toMatch(/^ +\+ +balance leastconn$/m);
  });

  it('goes into a pipe that closes early without a crash', async () => {
    for (const command of [['status'], ['plan'], ['plan', '--json'], ['up', '--json'], ['--help']]) {
      const [name = '', ...flags] = command;
      const args = name === '--help' ? [name] : [name, edited, ...flags];
      const shell = spawn(
        'bash',
        ['-c', '"$@" | head -1; echo "exit ${PIPESTATUS[0]}"', 'bash', process.execPath, bin, ...args],
        {
          env: cleanEnv,
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      let [out, err] = ['', ''];
      shell.stdout.on('data', (data) => {
        out += data;
      });
      shell.stderr.on('data', (data) => {
        err += data;
      });
      await new Promise((resolve) => shell.on('close', resolve));
      expect(out, command.join(' ')).toMatch(/^.+\nexit \d+\n$/);
      expect(err, command.join(' ')).not.toMatch(/EPIPE|at .*\.js:\d+|throw/);
    }
    expect((await lbctl('up', ready)).exit).toBe(0);
  });

  it('-q says nothing where all is well', async () => {
    for (const command of ['status', 'up']) {
      const run = await lbctl(command, ready, '-q');
      expect([command, run.exit, run.said.trim()]).toEqual([command, 0, '']);
    }
  });

  it('status takes about a second', async () => {
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const run = await lbctl('status', ready);
      expect(run.exit, run.said).toBe(0);
      times.push(Math.round(run.ms));
    }
    console.info(`lbctl status: ${times.join(', ')} ms`);
    // Loosely: the machine may have other work.
    expect(Math.min(...times)).toBeLessThan(5000);
  });
});
