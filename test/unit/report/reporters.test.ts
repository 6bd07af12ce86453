import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../../src/engine/events.js';
import { createReporter, type ReporterOptions } from '../../../src/report/reporter.js';
import { command, done, failed, notice, phase, refused, run, Sink, task, warning } from './fixtures.js';

const loaded = vi.hoisted(() => new Set<string>());
vi.mock('chalk', async (original) => {
  loaded.add('chalk');
  return original();
});
vi.mock('listr2', async (original) => {
  loaded.add('listr2');
  return original();
});

/** Reports the events and gives back what each stream received. */
async function report(events: readonly RunEvent[], options: Partial<ReporterOptions> = {}) {
  const stdout = new Sink();
  const stderr = new Sink();
  const reporter = await createReporter({
    mode: 'lines',
    verbosity: 'normal',
    color: false,
    ...options,
    stdout,
    stderr,
  });
  for (const event of events) reporter.handle(event);
  await reporter.close();
  return { stdout: stdout.text, stderr: stderr.text };
}

const everything: readonly RunEvent[] = [
  run,
  phase('connect', 'started'),
  phase('connect', 'done'),
  {
    event: 'plan',
    cluster: 'web',
    changes: [
      {
        host: 'lb1',
        resource: 'packages',
        verb: 'create',
        reason: 'absent',
        diff: null,
        class: 'none',
        interruption: 'no failed requests',
      },
      {
        host: 'lb2',
        resource: 'haproxy_config',
        verb: 'update',
        reason: 'differs',
        diff: null,
        class: 'none',
        interruption: 'no failed requests',
      },
    ],
  },
  notice,
  task({}),
  task({ state: 'done', duration_ms: 1234, diff: '--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\x1b[0m\n' }),
  task({ resource: 'reload haproxy', state: 'done', duration_ms: 40 }),
  command,
  { event: 'gate', cluster: 'web', host: 'lb1', gate: 'haproxy-serving', state: 'waiting' },
  {
    event: 'gate',
    cluster: 'web',
    host: null,
    gate: 'one-holder-per-vip',
    state: 'failed',
    detail: 'nobody\nholds it',
  },
  task({ host: 'lb2', state: 'failed', duration_ms: 125_000 }),
  task({ host: 'lb2', resource: 'service:haproxy', state: 'unknown' }),
  task({ host: 'lb2', resource: 'service:keepalived', state: 'not-run' }),
  refused,
  warning,
  phase('apply', 'failed', 'a step failed'),
  failed,
];

beforeEach(() => {
  loaded.clear();
  vi.resetModules();
});

describe('lines', () => {
  test('one event a line, with its host; the recap is the result', async () => {
    const { stdout, stderr } = await report(everything);
    expect(stderr).toMatchInlineSnapshot(`
      "up: inventory.yaml: 1 cluster, 2 hosts (web/lb1, web/lb2)
      web: connect: started
      web: connect: done
      web: plan: 1 to create, 1 to update on 2 hosts
      web/lb1: firewalld is being switched off
      web/lb1: haproxy_config: started
      web/lb1: haproxy_config: changed (1.2 s)
          --- a
          +++ b
          @@ -1 +1 @@
          -old
          +new\\x1b[0m
      web/lb1: reload haproxy: done (40 ms)
      web/lb1: gate haproxy-serving: waiting
      web: gate one-holder-per-vip: failed: nobody\\nholds it
      web/lb2: haproxy_config: failed (2 min 5 s)
      web/lb2: service:haproxy: outcome unknown
      web/lb2: service:keepalived: not run
      error: web/lb1: haproxy_config: haproxy refuses the configuration
        [ALERT] parsing [haproxy.cfg:3]
        \\x1b[31munknown keyword\\x07
        hint: correct the lines named above
      warning: web: auth_pass is written out
      web: apply: failed: a step failed
      "
    `);
    expect(stdout).toMatchInlineSnapshot(`
      "Failed after 1 min 5 s
        lb1          failed       haproxy refuses the configuration\\nline 3; changed: packages
        lb2          unreachable  connect 192.168.64.137 port 22: refused
        lb3          ok
        cluster web  failed       stopped
        cluster db   healthy
      "
    `);
    expect(loaded).toEqual(new Set());
  });

  test('verbose adds the commands', async () => {
    expect((await report([command], { verbosity: 'verbose' })).stderr).toMatchInlineSnapshot(`
      "web/lb1: observe: exit 1 (30 ms)
        script:
          set -eu
          ip addr
        stdout:
          eth0\\x1b[2J up

              inet 192.168.64.139
      "
    `);
  });

  test.each(['lines', 'terminal'] as const)('quiet %s: errors, and the hosts that failed', async (mode) => {
    const { stdout, stderr } = await report(everything, { mode, verbosity: 'quiet' });
    expect(stderr.split('\n')[0]).toBe('error: web/lb1: haproxy_config: haproxy refuses the configuration');
    expect(stderr).not.toContain('warning');
    expect(stdout).toContain('lb1');
    expect(stdout).not.toContain('lb3');
    expect(await report([run, task({}), done], { mode, verbosity: 'quiet' })).toEqual({
      stdout: '',
      stderr: '',
    });
    expect(loaded).toEqual(new Set());
  });

  test('colours when asked, and no other control characters', async () => {
    const { stdout, stderr } = await report(everything, { color: true, verbosity: 'verbose' });
    expect(stderr).toContain('web/lb1: haproxy_config: \x1b[33mchanged\x1b[39m (1.2 s)');
    expect((stdout + stderr).replace(/\x1b\[\d+m/g, '')).not.toMatch(/[^\P{Cc}\n]/u);
    expect(loaded).toEqual(new Set(['chalk']));
  });
});

test('live tasks without colours load listr2 alone', async () => {
  await report([run, done], { mode: 'terminal' });
  expect(loaded).toEqual(new Set(['listr2']));
});

describe('json', () => {
  test('every event is one line on stdout, the last one the summary', async () => {
    const { stdout, stderr } = await report(everything, { mode: 'json', color: true, verbosity: 'verbose' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(everything);
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual(failed);
    expect(stderr).toContain('error: web/lb1: haproxy_config: haproxy refuses the configuration\n');
    expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u);
    expect(loaded).toEqual(new Set());
  });

  test('commands only when verbose; quiet keeps warnings off stderr', async () => {
    const { stdout, stderr } = await report([command, warning, done], { mode: 'json', verbosity: 'quiet' });
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).toEqual(['diagnostic', 'summary']);
    expect(stderr).toBe('');
  });
});
