import { describe, expect, it } from 'vitest';
import { SHUTTING_DOWN } from '../../../src/engine/framing.js';
import { LOCK_LOST } from '../../../src/engine/lock.js';
import { failure } from '../../../src/transport/failures.js';
import { type Run, up } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

const CFG = '/etc/haproxy/haproxy.cfg';

/** A pair that serves, whose HAProxy configuration has drifted on both hosts; lb1 holds the address. */
async function drifted(): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf());
  expect((await up(pair)).result.exit).toBe(0);
  for (const host of pair.hosts.values()) {
    const file = host.files.get(CFG);
    if (file !== undefined) file.content += '# by hand\n';
  }
  pair.asked.length = 0;
  return pair;
}

const diagnostics = ({ events }: Run) =>
  events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
const released = (pair: SimulatedPair) =>
  pair.transport.runs.filter((it) => it.script.includes('rm -f "$lock"')).map((it) => it.host);

describe('a step that fails on the standby', () => {
  async function refusedConfig() {
    const pair = await drifted();
    pair.host('lb2').odd.set('step 0 0', { exitCode: 1, stderr: '[ALERT] unknown keyword "servr"\n' });
    return { pair, run: await up(pair) };
  }

  it('ends the run with exit 1, and the active host is not touched', async () => {
    const { pair, run } = await refusedConfig();
    expect(run.result.exit).toBe(1);
    expect(pair.steps).toEqual(['lb2']);
    expect(run.result.hosts).toMatchObject({
      lb1: { status: 'skipped', changed: [], error: null },
      lb2: { status: 'failed', error: expect.stringContaining('failed with exit code 1') },
    });
  });

  it('is told with its whole message; what was not begun is told as well', async () => {
    const { run } = await refusedConfig();
    expect(diagnostics(run)).toContainEqual(
      expect.objectContaining({
        code: 'step-failed',
        host: 'lb2',
        resource: 'haproxy_config',
        detail: '[ALERT] unknown keyword "servr"',
      }),
    );
    expect(run.tasks).toEqual([
      'lb2 haproxy_config running',
      'lb2 reload haproxy running',
      'lb2 haproxy_config failed',
      'lb2 reload haproxy not-run',
      'lb1 haproxy_config not-run',
      'lb1 reload haproxy not-run',
    ]);
  });

  it('gives the lock back on both', async () => {
    const { pair } = await refusedConfig();
    expect(released(pair).slice(-2).sort()).toEqual(['web/lb1', 'web/lb2']);
    expect([...pair.transport.open]).toEqual([]);
  });
});

describe('the active host is not touched where on the standby', () => {
  it.each<[what: string, prepare: (pair: SimulatedPair) => void, code: string, summary: RegExp]>([
    [
      'the reload fails',
      (pair) => pair.host('lb2').odd.set('step 1 0', { exitCode: 1, stderr: 'no new process serves' }),
      'step-failed',
      /reload haproxy failed/,
    ],
    [
      'the host shuts down',
      (pair) =>
        pair.host('lb2').odd.set('step 1 0', {
          exitCode: 1,
          stderr: `Job for haproxy.service canceled.\n${SHUTTING_DOWN}`,
        }),
      'step-failed',
      /reload haproxy failed with exit code 1: the host is shutting down/,
    ],
    [
      'HAProxy does not serve afterwards',
      (pair) => pair.host('lb2').odd.set('gate haproxy-serving', { exitCode: 1, stderr: 'did not answer' }),
      'step-failed',
      /gate haproxy-serving failed/,
    ],
    [
      'the lock was lost',
      (pair) => pair.host('lb2').odd.set('fence', { exitCode: 75, stderr: `${LOCK_LOST}: ann has it` }),
      'lock-lost',
      /the lock was lost: nothing more was begun/,
    ],
    [
      'the lock was lost between two steps',
      (pair) => pair.host('lb2').odd.set('step 1 0', { exitCode: 75, stderr: `${LOCK_LOST}: ann has it` }),
      'lock-lost',
      /the lock was lost: not begun: /,
    ],
    [
      'what was there could not be kept',
      (pair) => pair.host('lb2').odd.set('keep', { exitCode: 1, stderr: 'No space left on device' }),
      'step-failed',
      /keeping what is there failed/,
    ],
    [
      'the change did not stick',
      (pair) => {
        const { answer } = pair.host('lb2');
        // Something on the host writes its own file again.
        pair.host('lb2').answer = function (id, script) {
          const said = answer.call(this, id, script);
          const file = this.files.get(CFG);
          if (id === 'gate haproxy-serving' && file !== undefined) file.content = 'theirs\n';
          return said;
        };
      },
      'did-not-stick',
      /was changed and still differs/,
    ],
  ])('%s', async (_, prepare, code, summary) => {
    const pair = await drifted();
    prepare(pair);
    const run = await up(pair);
    expect(run.result.exit).toBe(1);
    expect(diagnostics(run)[0]).toMatchObject({ code, host: 'lb2', summary: expect.stringMatching(summary) });
    expect(pair.steps).not.toContain('lb1');
    expect(run.result.hosts.lb1).toEqual({ status: 'skipped', changed: [], error: null });
  });
});

describe('a change whose end was not seen', () => {
  const cut = (pair: SimulatedPair, times: number) => {
    const { host } = pair.host('lb2');
    let left = times;
    pair.mishap = (simulated, script, ids) => {
      if (!ids.includes('step 0 0') || simulated.host !== host || left-- <= 0) return undefined;
      // What the host did before the connection went away.
      pair.cutAt(simulated, script, 'step 1 0');
      return failure('cut', host, { code: 'connection-lost', summary: 'the connection was cut' });
    };
  };

  it('where the connection was cut: it is looked at again, and the run goes on with what is left', async () => {
    const pair = await drifted();
    cut(pair, 1);
    const run = await up(pair);
    expect(run.result).toMatchObject({ exit: 0, state: 'healthy' });
    expect(run.tasks.slice(0, 6)).toEqual([
      'lb2 haproxy_config running',
      'lb2 reload haproxy running',
      'lb2 haproxy_config unknown',
      'lb2 reload haproxy unknown',
      'lb1 haproxy_config not-run',
      'lb1 reload haproxy not-run',
    ]);
    // The file was written before the cut: what is left is that HAProxy reads it.
    expect(run.tasks.slice(6)).toEqual([
      'lb2 reload haproxy running',
      'lb2 reload haproxy done',
      'lb1 haproxy_config running',
      'lb1 reload haproxy running',
      'lb1 haproxy_config done',
      'lb1 reload haproxy done',
    ]);
  });

  it('and cut again and again: the run ends, and what it did is taken back', async () => {
    const pair = await drifted();
    const { host } = pair.host('lb2');
    pair.mishap = (_, __, ids) =>
      ids.includes('step 0 0') && !ids.includes('gate one')
        ? failure('cut', host, { code: 'connection-lost', summary: 'the connection was cut' })
        : undefined;
    const run = await up(pair);
    expect(run.result.exit).toBe(1);
    expect(run.result.hosts.lb2).toMatchObject({ status: 'failed', error: 'the connection was cut' });
    expect(run.result.hosts.lb1).toMatchObject({ status: 'skipped', changed: [] });
    expect(pair.steps).toEqual([]);
  });

  it.each([
    [true, /did not end within its time limit/],
    [false, /was ended in it: what it did is unknown/],
  ])('is called unknown where the script ended in it (time limit: %s)', async (timedOut, summary) => {
    const pair = await drifted();
    let ended = false;
    pair.mishap = (host, script, ids) => {
      if (ended || !ids.includes('step 0 0')) return undefined;
      ended = true;
      return { ...pair.cutAt(host, script, 'step 1 0'), exitCode: null, timedOut };
    };
    const run = await up(pair);
    expect(run.result.exit).toBe(1);
    expect(run.tasks.slice(2, 4)).toEqual(['lb2 haproxy_config done', 'lb2 reload haproxy unknown']);
    expect(diagnostics(run)[0]).toMatchObject({ host: 'lb2', summary: expect.stringMatching(summary) });
    expect(run.result.hosts.lb2).toMatchObject({ status: 'failed', changed: [], rolled_back: true });
  });
});

describe('an interrupt', () => {
  it('while the standby changes: what runs there ends, the active host is not begun, exit 130', async () => {
    const pair = await drifted();
    const controller = new AbortController();
    pair.mishap = (host, script, ids) => {
      if (!ids.includes('step 0 0')) return undefined;
      controller.abort();
      // The script finds between its two steps that it is to stop, and ends by itself.
      const { stdout = '', stderr = '' } = pair.cutAt(host, script, 'step 1 0');
      const unbegun = (text: string) => text.replace(/\n\w+\+step 1 0\n$/, '');
      return { stdout: unbegun(stdout), stderr: unbegun(stderr) };
    };
    const run = await up(pair, { signal: controller.signal });
    expect(run.result).toMatchObject({ exit: 130, error: 'interrupted' });
    expect(run.tasks.slice(2)).toEqual([
      'lb2 haproxy_config done',
      'lb2 reload haproxy not-run',
      'lb1 haproxy_config not-run',
      'lb1 reload haproxy not-run',
    ]);
    const told = pair.transport.runs.filter(
      (it) => /^rm -f \/run\/lbctl-go\.\w+$/m.test(it.script) && !it.script.includes('trap'),
    );
    expect(told.map((it) => it.host)).toEqual(['web/lb2']);
    expect(released(pair).slice(-2).sort()).toEqual(['web/lb1', 'web/lb2']);
  });

  it('after the last gate and before the second look has broken nothing: exit 130, no rollback', async () => {
    const pair = await drifted();
    const controller = new AbortController();
    pair.mishap = (host, script, ids) => {
      const last = ids.at(-1);
      if (!ids.includes('step 0 0') || last === undefined) return undefined;
      controller.abort();
      const { stdout = '', stderr = '' } = pair.cutAt(host, script, last);
      const unbegun = (text: string) => text.replace(/\n\w+\+[^\n]*\n$/, '');
      return { stdout: unbegun(stdout), stderr: unbegun(stderr) };
    };
    const run = await up(pair, { signal: controller.signal });
    expect(run.result).toMatchObject({ exit: 130, error: 'interrupted' });
    expect(run.result.hosts.lb2).toMatchObject({ error: null });
    expect(run.result.hosts.lb2?.rolled_back).not.toBe(true);
    expect(run.tasks.slice(2)).toEqual([
      'lb2 haproxy_config done',
      'lb2 reload haproxy done',
      'lb1 haproxy_config not-run',
      'lb1 reload haproxy not-run',
    ]);
  });
});

describe('the address', () => {
  it('that two hosts hold after a batch stops the run', async () => {
    const pair = await drifted();
    pair.asked.length = 0;
    for (const host of pair.hosts.values()) host.files.delete('/etc/keepalived/lbctl-check-haproxy');
    const standby = pair.host('lb2');
    pair.mishap = (host, _, ids) => {
      // From its change on the standby holds the address as well, for as long as anybody looks.
      if (host === standby && ids.includes('gate keepalived-settled')) standby.extra.push('10.0.0.100');
      return undefined;
    };
    const run = await hurried(() => up(pair));
    expect(run.result).toMatchObject({
      exit: 1,
      error: expect.stringMatching(
        /^lb1 and lb2 both hold 10.0.0.100; the rollback of lb1 and lb2 failed as well/,
      ),
    });
    expect(run.tasks).toContain('lb1 check_script not-run');
  });
});
