import { beforeAll, describe, expect, it } from 'vitest';
import { startClientLoop } from '../lab/lab.js';
import { ask, holders, on, onBoth, vip } from './support/hosts.js';
import { eventsOf, lbctl, planned, type Run } from './support/lbctl.js';
import { healthy, heldBy, inventory, startReady, vi1 } from './support/pair.js';

describe('the virtual addresses of a running pair change', () => {
  let ready: string;
  let first: string;
  let second: string;

  beforeAll(async () => {
    ready = await startReady();
    [first, second] = [await vip(0), await vip(1)];
    await heldBy('lb1');
  });

  /**
   * `up` while a client asks the first address every 10 ms. Without a `gap` (in ms) that the change is known to cost, no
   * request may fail.
   */
  async function watchedUp(path: string, gap = 0): Promise<Run> {
    const loop = await startClientLoop(`http://${first}/`);
    const run = await lbctl('up', path, '--json');
    const report = await loop.stop();
    expect(run.exit, run.said).toBe(0);
    expect(report.requests).toBeGreaterThan(100);
    const what = JSON.stringify(report.failures.slice(0, 5));
    if (gap === 0) expect(report.failed, what).toBe(0);
    else expect(report.longestGapMs, what).toBeLessThan(gap);
    return run;
  }

  it('a second VIP is added, and the first one is served all the while', async () => {
    const two = await inventory('two.yaml', (file) => {
      vi1(file).virtual_ipaddress.push(`${second}/24`);
    });
    const plan = await lbctl('plan', two, '--json');
    expect(planned(plan)).toEqual([
      'lb1 haproxy_config',
      'lb1 keepalived_config',
      'lb1 takeover_script',
      'lb2 haproxy_config',
      'lb2 keepalived_config',
      'lb2 takeover_script',
    ]);
    const run = await watchedUp(two);
    // The standby is silent while the active host changes: adverts of one and of two addresses do not go together.
    const told = eventsOf(run).flatMap(({ event, host, resource, state }) =>
      event === 'task' && state === 'done' ? [`${host} ${resource}`] : [],
    );
    const order = ['lb2 stop keepalived', 'lb1 reload keepalived', 'lb2 start keepalived'].map((it) =>
      told.indexOf(it),
    );
    expect(order[0], told.join()).toBeGreaterThanOrEqual(0);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
    for (const address of [first, second]) {
      expect(await holders(address)).toEqual(['lb1']);
      expect(await ask(`http://${address}/`, 2)).toHaveLength(2);
    }
    expect((await healthy(two)).virtual_ips).toMatchObject([
      { address: first, holders: ['lb1'] },
      { address: second, holders: ['lb1'] },
    ]);
    expect((await lbctl('plan', two)).exit).toBe(0);
  });

  it('and taken away again, as quietly', async () => {
    await watchedUp(ready);
    expect(await holders(second)).toEqual([]);
    expect(await holders(first)).toEqual(['lb1']);
  });

  it('another virtual_router_id and password flip on both hosts together', async () => {
    const path = await inventory('flip.yaml', (file) => {
      Object.assign(vi1(file), { virtual_router_id: 52, auth_pass: 'Zw8-qqP1' });
    });
    // A new virtual_router_id is a new instance to keepalived: left alone, it would wait three adverts before it takes over.
    const run = await watchedUp(path, 1500);
    expect(run.said).not.toContain('Zw8-qqP1');
    expect(
      await onBoth("grep -E 'virtual_router_id|auth_pass' /etc/keepalived/keepalived.conf | xargs"),
    ).toEqual(['virtual_router_id 52 auth_pass Zw8-qqP1', 'virtual_router_id 52 auth_pass Zw8-qqP1']);
    expect(await holders(first)).toEqual(['lb1']);
    await healthy(path);
  });

  it('advert_int below a second makes it version 3, and a takeover quicker', async () => {
    const path = await inventory('fast.yaml', (file) => {
      const instance = vi1(file);
      instance.auth_pass = undefined;
      instance.advert_int = 0.1;
    });
    await watchedUp(path, 1500);
    expect(await onBoth("grep -E 'version|advert_int' /etc/keepalived/keepalived.conf | xargs")).toEqual([
      'version 3 advert_int 0.1',
      'version 3 advert_int 0.1',
    ]);
    await healthy(path);
    await on('lb1', 'systemctl stop keepalived');
    await heldBy('lb2', 3);
    await on('lb1', 'systemctl start keepalived');
    await heldBy('lb1');
    expect((await healthy(path)).state).toBe('healthy');
  });

  it('back to the beginning', async () => {
    await watchedUp(ready, 1500);
    expect((await lbctl('plan', ready)).exit).toBe(0);
    expect(await holders(first)).toEqual(['lb1']);
  });
});
