import { beforeAll, describe, expect, it } from 'vitest';
import { type ClientLoopReport, reboot, startClientLoop } from '../lab/lab.js';
import { ask, holders, on, onBoth, vip } from './support/hosts.js';
import { KEPT_ALIVE, startKeptAlive } from './support/keep-alive.js';
import { lbctl, start, summaryOf } from './support/lbctl.js';
import { healthy, heldBy, inventory, startReady, status } from './support/pair.js';
import { until } from './support/until.js';

/** Milliseconds between two requests. */
const INTERVAL = 5;

describe('lbctl switchover', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    path = await startReady();
    address = await vip();
    await heldBy('lb1');
  });

  /**
   * How many requests are under way at once where one takes as long as those that were reset: nobody can answer them when the
   * address moves. None on a machine that answers within 5 ms.
   */
  function underWay({ failures }: ClientLoopReport): number {
    const reset = failures.filter(({ error }) => error === 'Connection reset by peer');
    return Math.floor(Math.max(0, ...reset.map(({ tookMs }) => tookMs)) / INTERVAL);
  }

  /** At most one request of 200 a second fails, besides those. */
  async function moves(...args: string[]) {
    const loop = await startClientLoop(`http://${address}/`, { intervalMs: INTERVAL, timeoutMs: 2500 });
    const run = await lbctl('switchover', path, '--json', ...args);
    const seen = await loop.stop();
    expect(run.exit, run.said).toBe(0);
    expect(seen.failed, JSON.stringify(seen)).toBeLessThanOrEqual(1 + underWay(seen));
    return run;
  }

  it('moves the VIP; status says so and stays healthy, up leaves it there', async () => {
    const clients = await startKeptAlive(address);
    const run = await moves();
    const kept = await clients.stop();
    // Each of them is asked to close its connection before the address leaves: none finds it dead.
    expect(kept.broken).toEqual([]);
    expect(kept.closes).toBeGreaterThanOrEqual(KEPT_ALIVE);
    expect(summaryOf(run)).toMatchObject({ ok: true, hosts: { lb1: { changed: ['switchover'] } } });
    expect(await holders(address)).toEqual(['lb2']);
    const found = await status(path);
    expect(found).toMatchObject({ exit: 0, state: 'healthy', problems: [] });
    expect(found.notices).toContainEqual(expect.objectContaining({ code: 'switchover', host: 'lb1' }));
    expect(found.virtual_ips[0]).toMatchObject({ holders: ['lb2'], expected: 'lb2' });
    expect((await lbctl('status', path, '--prometheus')).stdout).toContain(
      'lbctl_notices{cluster="web",code="switchover",host="lb1"} 1\n',
    );
    const up = await lbctl('up', path, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(summaryOf(up).hosts).toMatchObject({ lb1: { changed: [] }, lb2: { changed: [] } });
    expect(await holders(address)).toEqual(['lb2']);
  });

  const headers = () => on('client', `curl -sS -D - -o /dev/null -m 2 http://${address}/`);

  it('the host that gave way still takes over', async () => {
    await on('lb2', 'systemctl stop haproxy');
    await heldBy('lb1');
    await on('lb2', 'systemctl start haproxy');
    await heldBy('lb2');
    await healthy(path);
  });

  it('back: as before, nothing is left', async () => {
    const clients = await startKeptAlive(address);
    await moves('--back');
    const kept = await clients.stop();
    expect(kept.broken).toEqual([]);
    expect(kept.closes).toBeGreaterThanOrEqual(KEPT_ALIVE);
    // And not for ever.
    expect(await headers()).not.toMatch(/^connection: close/im);
    expect(await holders(address)).toEqual(['lb1']);
    const after = await status(path);
    expect(after.exit).toBe(0);
    expect(after.notices.map((it) => it.code)).not.toContain('switchover');
    expect(
      await on(
        'lb1',
        'cat /run/keepalived.lbctl-switchover; ip -o addr show dev lo | grep -c dynamic || true',
      ),
    ).toBe('0\n0');
  });

  it('whose operator is gone while clients are drained: the drain ends, nothing is half done', async () => {
    const run = start('switchover', path);
    await run.saw(/web\/lb1: switchover: started/);
    await until('clients are drained', async () => /^connection: close/im.test(await headers()) || undefined);
    run.child.kill('SIGKILL');
    await run.ended;
    await until(
      'the drain is over',
      async () => !/^connection: close/im.test(await headers()) || undefined,
      10,
    );
    expect(await onBoth('cat /run/keepalived.lbctl-switchover')).toEqual(['0', '0']);
    expect(await holders(address)).toEqual(['lb1']);
    expect(await ask(`http://${address}/`)).toHaveLength(1);
    expect((await lbctl('lock', 'release', path, '--yes', '--force')).exit).toBe(0);
    await healthy(path);
  });

  it('refuses a target that is not fit, and what --limit leaves out; a wrong host is a wrong flag', async () => {
    await on('lb2', 'systemctl stop haproxy');
    const refused = await lbctl('switchover', path, '--to', 'lb2');
    expect(refused.exit, refused.said).toBe(1);
    expect(refused.stderr).toContain('could not take the virtual addresses over');
    await on('lb2', 'systemctl start haproxy; systemctl stop keepalived');
    const silent = await lbctl('switchover', path);
    expect(silent.exit, silent.said).toBe(1);
    expect(silent.stderr).toContain('keepalived does not run');
    await on('lb2', 'systemctl start keepalived');
    await healthy(path);
    const cutOff = await inventory('cut-off.yaml', ({ clusters }) => {
      clusters.web.hosts.lb2.ssh.port = 1;
    });
    const unreachable = await lbctl('switchover', cutOff);
    expect(unreachable.exit, unreachable.said).toBe(4);
    expect(unreachable.said).toContain('a host is out of reach; nothing was moved');
    expect((await lbctl('switchover', path, '--limit', 'web/lb2')).exit).toBe(1);
    expect((await lbctl('switchover', path, '--to', 'lb9')).exit).toBe(3);
    expect(await holders(address)).toEqual(['lb1']);
  });

  it('has nothing to do where the VIP is already, and nothing to take back', async () => {
    for (const args of [['--to', 'lb1'], ['--back']]) {
      const run = await moves(...args);
      expect(summaryOf(run).hosts).toMatchObject({ lb1: { changed: [] }, lb2: { changed: [] } });
      expect(await holders(address)).toEqual(['lb1']);
    }
  });

  it('ends with a reboot of the host that gave way', async () => {
    await moves('--to', 'lb2');
    await reboot('el1');
    await heldBy('lb1', 40);
    expect((await healthy(path)).state).toBe('healthy');
  });
});
