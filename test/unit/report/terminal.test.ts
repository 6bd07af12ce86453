import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../../src/engine/events.js';
import { createReporter } from '../../../src/report/reporter.js';
import { command, done, failed, notice, phase, refused, run, Sink, task } from './fixtures.js';

const FRAME = 100;

/** A terminal reporter at work: `tell` hands it events, a frame's time apart. */
async function start(columns = 60, rows = 20, verbosity: 'normal' | 'verbose' = 'normal') {
  const stdout = new Sink();
  const stderr = new Sink(columns, rows);
  const reporter = await createReporter({ mode: 'terminal', verbosity, color: false, stdout, stderr });
  const tell = async (...events: readonly RunEvent[]) => {
    for (const event of events) {
      reporter.handle(event);
      await vi.advanceTimersByTimeAsync(FRAME);
    }
  };
  return { reporter, tell, stdout, stderr, screen: () => stderr.shown.join('\n').replace(/[⠀-⣿]/g, '*') };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const changes = ['lb1', 'lb2'].map((host) => ({
  host,
  resource: 'haproxy_config',
  verb: 'update' as const,
  reason: 'differs',
  diff: null,
  class: 'reload' as const,
  interruption: 'no failed requests',
}));

const beginning: readonly RunEvent[] = [
  run,
  phase('connect', 'started'),
  phase('connect', 'done'),
  { event: 'plan', cluster: 'web', changes },
  phase('apply', 'started'),
  task({ play: 'prepare', resource: 'packages', title: 'Packages', host: 'lb1' }),
  task({ play: 'prepare', resource: 'packages', title: 'Packages', host: 'lb2' }),
  notice,
  task({
    play: 'prepare',
    resource: 'packages',
    title: 'Packages',
    host: 'lb1',
    state: 'done',
    duration_ms: 900,
  }),
];

describe('terminal', () => {
  test('shows what runs where, and keeps notices above it', async () => {
    const { tell, reporter, screen } = await start();
    await tell(...beginning);
    expect(screen()).toMatchInlineSnapshot(`
      "web/lb1: firewalld is being switched off
      * web
        ✔ connect (0.1 s)
        ✔ plan: 2 to update on 2 hosts
        * prepare
          ✔ lb1
            ✔ Packages (0.9 s)
          * lb2
            * Packages"
    `);
    await reporter.close();
  });

  test('ends with a line for each stage, and the recap on stdout', async () => {
    const { tell, reporter, screen, stdout } = await start();
    await tell(...beginning);
    await tell(
      task({ play: 'prepare', resource: 'packages', title: 'Packages', host: 'lb2', state: 'done' }),
    );
    await tell(task({ host: 'lb2' }), task({ host: 'lb2', state: 'done', duration_ms: 1200 }));
    await tell({ event: 'gate', cluster: 'web', host: 'lb2', gate: 'haproxy-serving', state: 'waiting' });
    await tell({ event: 'gate', cluster: 'web', host: 'lb2', gate: 'haproxy-serving', state: 'passed' });
    await tell(phase('apply', 'done'), done);
    expect(stdout.text).toBe('');
    await reporter.close();
    await reporter.close();
    expect(screen()).toMatchInlineSnapshot(`
      "web/lb1: firewalld is being switched off
      ✔ web: healthy
        ✔ connect (0.1 s)
        ✔ plan: 2 to update on 2 hosts
        ✔ prepare: 2 changes on lb1, lb2 (0.5 s)
        ✔ haproxy: 1 change on lb2 (0.4 s)"
    `);
    expect(stdout.text).toContain('Done in 4.2 s\n');
    expect(stdout.text.match(/Done/g)).toHaveLength(1);
  });

  test('a failure stays on the screen with its step', async () => {
    const { tell, reporter, screen } = await start();
    await tell(
      run,
      task({}),
      task({ state: 'failed', duration_ms: 300 }),
      task({ host: 'lb2', state: 'not-run' }),
    );
    await tell(refused, phase('apply', 'failed'), failed);
    await reporter.close();
    expect(screen()).toMatchInlineSnapshot(`
      "error: web/lb1: haproxy_config: haproxy refuses the configuration
        [ALERT] parsing [haproxy.cfg:3]
        \\x1b[31munknown keyword\\x07
        hint: correct the lines named above
      ✖ web: stopped
        ✖ haproxy: failed, nothing changed (0.4 s)
          ✖ lb1
            ✖ HAProxy configuration: failed (0.3 s)
          ↓ lb2
            ↓ HAProxy configuration: not run
      ✔ db: healthy"
    `);
  });

  test('close ends what an interrupt left open, and Listr touches neither signals nor the exit', async () => {
    const exit = vi.spyOn(process, 'exit');
    const listeners = process.listenerCount('SIGINT');
    const { tell, reporter, screen, stdout } = await start();
    await tell(...beginning);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    await reporter.close();
    reporter.handle(notice);
    expect(screen()).toMatchInlineSnapshot(`
      "web/lb1: firewalld is being switched off
      ↓ web: interrupted
        ✔ connect (0.1 s)
        ✔ plan: 2 to update on 2 hosts
        ↓ prepare: interrupted
          ↓ lb2: interrupted
            ↓ Packages: interrupted"
    `);
    expect(stdout.text).toBe('');
    expect(exit).not.toHaveBeenCalled();
  });

  test('verbose shows commands above the tasks', async () => {
    const { tell, reporter, stderr } = await start(60, 20, 'verbose');
    await tell(run, command);
    expect(stderr.shown.slice(0, 4)).toEqual([
      'web/lb1: observe: exit 1 (30 ms)',
      '  script:',
      '    set -eu',
      '    ip addr',
    ]);
    await reporter.close();
  });

  test.each([
    [30, 6],
    [80, 10],
    [40, 3],
  ])('many hosts fit a terminal of %i columns and %i rows', async (columns, rows) => {
    const hosts = Array.from({ length: 100 }, (_, index) => `a-host-with-quite-a-long-name-${index}`);
    const { tell, reporter, stderr } = await start(columns, rows);
    await tell({ event: 'run', command: 'up', inventory: '-', clusters: [{ name: 'web', hosts }] });
    for (const host of hosts) reporter.handle(task({ host }));
    await tell(phase('connect', 'done'));
    const frame = stderr.shown;
    expect(frame.length).toBeLessThan(rows);
    expect(Math.max(...frame.map((line) => line.length))).toBeLessThan(columns);
    expect(frame.join()).toContain('haproxy');
    await reporter.close();
  });

  test('closes cleanly before anything happened', async () => {
    const { reporter, stderr } = await start();
    await reporter.close();
    expect(stderr.text).toBe('');
  });
});
