import { beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn, startClientLoop } from '../lab/lab.js';
import { labHost, on, realChanges, snapshot, vip } from './support/hosts.js';
import { lbctl, planOf, summaryOf } from './support/lbctl.js';
import { healthy, heldBy, inventory, startReady } from './support/pair.js';
import { until } from './support/until.js';

/** An edit that both hosts need, while the standby could not take over. */
describe('the standby is unfit', () => {
  let edited: string;
  let address: string;

  const edit = (retries: number) =>
    inventory(`retries-${retries}.yaml`, (file) => {
      Object.assign(file.clusters.web.haproxy, { defaults: [`retries ${retries}`] });
    });
  const settings = (host: 'lb1' | 'lb2') => on(host, 'grep -c "retries 7" /etc/haproxy/haproxy.cfg || true');

  beforeAll(async () => {
    await healthy(await startReady());
    address = await vip();
    await heldBy('lb1');
    edited = await edit(7);
  });

  it('the active host is not touched, which plan has said before', async () => {
    await on('lb2', 'systemctl stop keepalived');
    const plan = await lbctl('plan', edited, '--limit', 'web/lb1', '--json');
    expect(plan.exit, plan.said).toBe(2);
    expect(planOf(plan).problems.map(({ code }) => code)).toEqual(['peer-unfit']);
    const before = await snapshot('lb1');
    const loop = await startClientLoop(`http://${address}/`);
    const refused = await lbctl('up', edited, '--limit', 'web/lb1');
    expect((await loop.stop()).failed).toBe(0);
    expect(refused.exit, refused.said).toBe(1);
    expect(refused.said).toMatch(
      /lb1 serves and nobody could take over from it: lb2: keepalived does not run/,
    );
    expect(refused.said).toMatch(/nothing was changed/);
    expect(refused.said).toContain('--force');
    expect(realChanges(before, await snapshot('lb1'))).toEqual([]);
  });

  it('--force says what it risks, and goes on', async () => {
    const forced = await lbctl('up', edited, '--limit', 'web/lb1', '--force');
    // The pair is not healthy in the end either.
    expect(forced.exit, forced.said).toBe(5);
    expect(forced.said).toMatch(/warning.*lb1 is changed while nobody could take over from it.*an outage/);
    expect([await settings('lb1'), await settings('lb2')]).toEqual(['1', '0']);
  });

  it('a run that may mend it does so first, and then changes both', async () => {
    const path = await edit(8);
    const loop = await startClientLoop(`http://${address}/`);
    const run = await lbctl('up', path, '--json');
    expect((await loop.stop()).failed).toBe(0);
    expect(run.exit, run.said).toBe(0);
    expect(summaryOf(run).hosts).toMatchObject({ lb1: { status: 'changed' }, lb2: { status: 'changed' } });
    const order = run.stdout.split('\n');
    const at = (host: string, resource: string) =>
      order.findIndex((it) => it.includes(`"host":"${host}"`) && it.includes(`"resource":"${resource}"`));
    expect(at('lb2', 'service:keepalived')).toBeGreaterThan(-1);
    expect(at('lb2', 'service:keepalived')).toBeLessThan(at('lb1', 'reload haproxy'));
    await healthy(path);
  });

  it('out of reach and left out: a warning, and the change', async () => {
    await powerOff(labHost('lb2'));
    try {
      const run = await lbctl('up', edited, '--limit', 'web/lb1');
      expect(run.exit, run.said).toBe(4);
      expect(run.said).toMatch(/warning.*lb1 is changed while nobody could take over from it/);
      expect(await settings('lb1')).toBe('1');
    } finally {
      await powerOn(labHost('lb2'));
    }
    await until('lb2 again', async () => ((await lbctl('up', edited)).exit === 0 ? true : undefined), 40);
  });
});
