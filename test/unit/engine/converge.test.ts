import { describe, expect, it } from 'vitest';
import { parsePlaybook } from '../../../src/playbook/parse.js';
import { failure } from '../../../src/transport/failures.js';
import { up, upPlaybook } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

/** A pair that is as it should be; lb1 holds the address. */
async function converged(): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf());
  const { result } = await up(pair);
  expect(result).toMatchObject({ exit: 0, state: 'healthy', error: null });
  pair.asked.length = 0;
  (pair.transport.runs as unknown[]).length = 0;
  return pair;
}

const changesOf = (pair: SimulatedPair) =>
  pair.asked.filter(({ ids }) => ids.some((id) => id.startsWith('step ')));
const locksOf = (pair: SimulatedPair) => pair.asked.filter(({ ids }) => ids.includes('lock'));

describe("an operator's own play after lbctl's, on bare hosts", () => {
  it.each([
    ['standby-first', ['lb2', 'lb1']],
    ['parallel', ['lb2', 'lb1']],
  ])('%s: by then one of them serves, and they are not changed at the same time', async (order, hosts) => {
    const own = `- play: own\n  order: ${order}\n  tasks:\n    - file: { path: /etc/own, content: a }\n`;
    const parsed = parsePlaybook(own, 'own.yaml', '/srv/lb');
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    const pair = new SimulatedPair(clusterOf());
    const { result, tasks } = await up(pair, { playbook: [...upPlaybook(), ...parsed.value] });
    expect(result).toMatchObject({ exit: 0, state: 'healthy', error: null });
    const seen = tasks.filter((it) => it.includes('/etc/own'));
    expect(seen).toEqual(
      hosts.flatMap((host) => ['running', 'done'].map((it) => `${host} file:/etc/own ${it}`)),
    );
  });
});

describe('two bare hosts', () => {
  it('become a healthy pair', async () => {
    const pair = new SimulatedPair(clusterOf());
    const { result, tasks } = await up(pair);
    expect(result).toMatchObject({ exit: 0, state: 'healthy', error: null });
    const made = [
      'members',
      'packages',
      'sysctl',
      'takeover_script',
      'systemd_dropin:haproxy',
      'haproxy_config',
      'service:haproxy',
    ];
    const rest = ['check_script', 'systemd_dropin:keepalived', 'keepalived_config', 'service:keepalived'];
    for (const host of ['lb1', 'lb2']) {
      expect(result.hosts[host]?.status).toBe('changed');
      expect(result.hosts[host]?.changed).toEqual(
        expect.arrayContaining([...made.slice(0, -1), ...rest.slice(0, -1)]),
      );
    }
    expect(tasks.filter((it) => !/ (running|done)$/.test(it))).toEqual([]);
    expect([...pair.hosts].map(([name, host]) => [name, host.held])).toEqual([
      ['lb1', ['10.0.0.100']],
      ['lb2', []],
    ]);
  });

  it('keep what was there before the first change, once on each', async () => {
    const pair = new SimulatedPair(clusterOf());
    await up(pair);
    for (const name of ['lb1', 'lb2']) {
      const changing = changesOf(pair).filter(({ host }) => host === name);
      expect(changing.map(({ ids }) => ids.filter((id) => id === 'keep').length)).toEqual([
        1,
        ...changing.slice(1).map(() => 0),
      ]);
      // The lock is looked at before every change, and before the copies.
      for (const { ids } of changing) expect(ids.slice(0, 2)).toEqual(['alone', 'fence']);
      expect(changing[0]?.ids.indexOf('keep')).toBe(2);
    }
  });

  it('end with every connection closed and the lock released on both', async () => {
    const pair = new SimulatedPair(clusterOf());
    await up(pair);
    expect([...pair.transport.open]).toEqual([]);
    const last = pair.transport.runs
      .slice(-2)
      .map(({ host, script }) => [host, script.includes('rm -f "$lock"')]);
    expect(last).toEqual([
      ['web/lb1', true],
      ['web/lb2', true],
    ]);
  });
});

describe('a pair that is as it should be', () => {
  it('is left alone: one round trip a host, no lock, nothing changed', async () => {
    const pair = await converged();
    const { result, tasks } = await up(pair);
    expect(result).toEqual({
      exit: 0,
      state: 'healthy',
      error: null,
      hosts: {
        lb1: { status: 'ok', changed: [], error: null },
        lb2: { status: 'ok', changed: [], error: null },
      },
    });
    expect(pair.transport.runs.map((it) => it.host).sort()).toEqual(['web/lb1', 'web/lb2']);
    expect([tasks, changesOf(pair), locksOf(pair)]).toEqual([[], [], []]);
  });

  it('but holds the lock of a run that ended without a word: tidied up under a new one', async () => {
    const pair = await converged();
    pair
      .host('lb2')
      .odd.set('lock-look', 'token=x\nwho=eve@desk\ncommand=lbctl up\nsince=then\nage=600\nstep=no\n');
    const { result } = await up(pair);
    expect(result).toMatchObject({ exit: 0, state: 'healthy' });
    expect(locksOf(pair)).toHaveLength(2);
    expect(changesOf(pair)).toEqual([]);
    expect(pair.transport.runs.filter(({ script }) => script.includes('rm -f "$lock"'))).toHaveLength(2);
  });

  it('and not healthy: exit 5, although there was nothing to change', async () => {
    const pair = await converged();
    for (const host of pair.hosts.values()) host.odd.set('check-run:1', 'it fails with exit code 1\n');
    const { result } = await hurried(() => up(pair));
    expect(result.state).toBe('degraded');
    expect(result.exit).toBe(5);
    expect(result.hosts.lb1?.error).toMatch(/keepalived's check of HAProxy/);
  });
});

describe('a drift', () => {
  it('on the standby changes the standby alone', async () => {
    const pair = await converged();
    pair.host('lb2').files.delete('/etc/haproxy/haproxy.cfg');
    const { result } = await up(pair);
    expect(result.exit).toBe(0);
    expect(new Set(pair.steps)).toEqual(new Set(['lb2']));
    expect(result.hosts).toMatchObject({
      lb1: { status: 'ok' },
      lb2: { status: 'changed', changed: expect.arrayContaining(['haproxy_config']) },
    });
  });

  it.each<[what: string, revertAfter: number | null, seconds: number]>([
    ['unless told otherwise after 45 s', null, 45],
    ['as told', 30, 30],
  ])('is made under a switch: the host goes back by itself %s', async (_, revertAfter, seconds) => {
    const pair = await converged();
    pair.host('lb2').files.delete('/etc/haproxy/haproxy.cfg');
    expect((await up(pair, { revertAfter })).result.exit).toBe(0);
    const armed = pair.transport.runs.filter(({ script }) => script.includes('systemd-run'));
    expect(armed.map(({ host }) => host)).toEqual(['web/lb2']);
    expect(armed[0]?.script).toMatch(new RegExp(`--on-active=${seconds}\\b`));
  });

  it('on both: the standby first, then the holder', async () => {
    const pair = await converged();
    for (const host of pair.hosts.values()) {
      const file = host.files.get('/etc/haproxy/haproxy.cfg');
      if (file !== undefined) file.content += '# by hand\n';
    }
    expect((await up(pair)).result.exit).toBe(0);
    // The configuration and its reload, on each.
    expect(pair.steps).toEqual(['lb2', 'lb2', 'lb1', 'lb1']);
  });
});

describe('nothing is changed', () => {
  const clean = (pair: SimulatedPair) =>
    expect([changesOf(pair), [...pair.transport.open]]).toEqual([[], []]);

  it('while a host is out of reach: exit 4', async () => {
    const pair = new SimulatedPair(clusterOf());
    const { host } = pair.host('lb2');
    pair.refused.set('lb2', failure('unreachable', host, { code: 'refused', summary: 'connection refused' }));
    const { result, events } = await up(pair);
    expect(result).toMatchObject({ exit: 4, error: expect.stringContaining('nothing was changed') });
    expect(result.hosts).toEqual({
      lb1: { status: 'skipped', changed: [], error: null },
      lb2: { status: 'unreachable', changed: [], error: 'connection refused' },
    });
    expect(events.some((it) => it.event === 'diagnostic' && it.diagnostic.code === 'refused')).toBe(true);
    clean(pair);
    expect(locksOf(pair)).toEqual([]);
  });

  it("while somebody else's run holds the lock: exit 6, and who it is", async () => {
    const pair = new SimulatedPair(clusterOf());
    const held = 'who=ann@box\ncommand=lbctl up\nsince=2024-05-01T10:00:00Z\nage=7\n';
    pair.host('lb2').odd.set('lock', { exitCode: 75, stdout: held });
    const { result } = await up(pair);
    expect(result.exit).toBe(6);
    expect(result.hosts.lb2?.error).toMatch(
      /ann@box is changing this cluster with `lbctl up` since 2024-05-01T10:00:00Z/,
    );
    clean(pair);
    // The lock that lb1 had given is given back.
    expect(pair.transport.runs.at(-1)).toMatchObject({
      host: 'web/lb1',
      script: expect.stringContaining('rm -f "$lock"'),
    });
  });

  it('where a fact is unknown: exit 1', async () => {
    const pair = await converged();
    pair.host('lb1').files.delete('/etc/haproxy/haproxy.cfg');
    pair.host('lb2').odd.set('file:/etc/haproxy/haproxy.cfg', { exitCode: 1, stderr: 'Input/output error' });
    const { result, events } = await up(pair);
    expect(result).toMatchObject({ exit: 1, error: 'refused; nothing was changed' });
    const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
    expect(told[0]).toMatchObject({
      code: 'unknown-fact',
      host: 'lb2',
      detail: expect.stringContaining('Input/output error'),
    });
    clean(pair);
  });

  it('after an interrupt before the first step: exit 130', async () => {
    const pair = new SimulatedPair(clusterOf());
    const { result } = await up(pair, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ exit: 130, error: 'interrupted; nothing was changed' });
    clean(pair);
  });

  it('where what was planned has gone when the lock is there', async () => {
    const pair = await converged();
    const right = pair.host('lb2').files.get('/etc/haproxy/haproxy.cfg');
    pair.host('lb2').files.delete('/etc/haproxy/haproxy.cfg');
    pair.mishap = (host, _, ids) => {
      // Somebody else's run mended it between the first look and the lock.
      if (ids.includes('lock') && host.host.name === 'lb2' && right !== undefined) {
        host.files.set('/etc/haproxy/haproxy.cfg', right);
        host.lastOwner = 'somebody-else';
      }
      return undefined;
    };
    expect((await up(pair)).result.exit).toBe(0);
    clean(pair);
  });
});
