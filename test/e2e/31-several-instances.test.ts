import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo, startClientLoop } from '../lab/lab.js';
import { bare, EL, failover, get, heldOn, run, settled, up, type Web, write } from './support/cluster.js';
import { lbctl, planned } from './support/lbctl.js';
import { status } from './support/pair.js';
import { until } from './support/until.js';

describe('several instances on one pair', () => {
  let one: string;
  let two: string;
  let six: string;

  beforeAll(async () => {
    await bare();
    const { vips, vips6 } = await labInfo();
    [one, two, six] = [vips[0] ?? '', vips[1] ?? '', vips6[0] ?? ''];
  });

  describe('with masters that cross', () => {
    const crossing = (web: Web, extra: object = {}) => {
      web.vrrp_instances = {
        VI_1: { virtual_router_id: 51, virtual_ipaddress: [`${one}/24`], ...extra },
        VI_2: {
          virtual_router_id: 52,
          virtual_ipaddress: [`${two}/24`],
          priority: { lb1: 240, lb2: 250 },
          ...extra,
        },
      };
    };
    let path: string;

    beforeAll(async () => {
      path = await write(EL, crossing);
      await up(path);
    });

    it('each host holds one address, and both are served', async () => {
      expect(await status(path)).toMatchObject({
        exit: 0,
        state: 'healthy',
        virtual_ips: [
          { address: one, instance: 'VI_1', holders: ['lb1'], expected: 'lb1' },
          { address: two, instance: 'VI_2', holders: ['lb2'], expected: 'lb2' },
        ],
      });
      for (const address of [one, two]) expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
      await settled(path);
    });

    it('one host is lost: both addresses are on the other, which serves them', async () => {
      await failover({ address: two, members: EL, from: 'lb2', to: 'lb1', back: 'lb2', gapMs: 500 });
      const loop = await startClientLoop(`http://${one}/`);
      await run('el1', 'systemctl stop keepalived');
      try {
        await Promise.all([heldOn(one, 'lb2', EL), heldOn(two, 'lb2', EL)]);
        const lost = await status(path);
        expect(lost).toMatchObject({ exit: 5, state: 'degraded' });
        for (const address of [one, two]) expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
      } finally {
        await run('el1', 'systemctl start keepalived');
      }
      await Promise.all([heldOn(one, 'lb1', EL), heldOn(two, 'lb2', EL)]);
      expect((await loop.stop()).longestGapMs).toBeLessThan(500);
    });

    it('switched to unicast while both hosts are active, no address is held twice or unanswered', async () => {
      const byUnicast = await write(EL, (web) => crossing(web, { unicast: true }));
      const loops = [await startClientLoop(`http://${one}/`), await startClientLoop(`http://${two}/`)];
      const done = await up(byUnicast);
      await Promise.all([heldOn(one, 'lb1', EL), heldOn(two, 'lb2', EL)]);
      expect(done.said).not.toMatch(/both hold/);
      for (const report of await Promise.all(loops.map((loop) => loop.stop()))) {
        expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(500);
      }
      await settled(byUnicast);
    });
  });

  describe('IPv4 and IPv6 side by side', () => {
    let path: string;

    beforeAll(async () => {
      path = await write(EL, (web) => {
        web.vrrp_instances.VI_6 = { virtual_router_id: 61, virtual_ipaddress: [`${six}/64`] };
      });
      await up(path);
    });

    it('both addresses are on the preferred host, bound by HAProxy on either', async () => {
      expect(await status(path)).toMatchObject({
        exit: 0,
        state: 'healthy',
        virtual_ips: [{ holders: ['lb1'] }, { address: six, instance: 'VI_6', holders: ['lb1'] }],
      });
      for (const host of ['el1', 'el2'] as const) {
        expect(
          await run(
            host,
            `cat /proc/sys/net/ipv6/ip_nonlocal_bind; grep -c '^net.ipv6.ip_nonlocal_bind = 1$' /etc/sysctl.d/90-lbctl.conf
ss -Hltn | grep -cF '[${six}]:80'`,
          ),
        ).toBe('1\n1\n1');
      }
      expect(await get(`http://[${six}]/`)).toMatch(/^This is Web/);
      await settled(path);
    });

    it('both move together and come back', async () => {
      await failover({ address: six, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
      await heldOn(one, 'lb1', EL);
      await run('el1', 'systemctl stop haproxy');
      await Promise.all([heldOn(one, 'lb2', EL), heldOn(six, 'lb2', EL)]);
      await until('answers on both', async () =>
        (await get(`http://${one}/`)) && (await get(`http://[${six}]/`)) ? true : undefined,
      );
      await run('el1', 'systemctl start haproxy');
      await Promise.all([heldOn(one, 'lb1', EL), heldOn(six, 'lb1', EL)]);
    });

    it('an instance is taken out again: its address goes, the other stays', async () => {
      const without = await write(EL);
      const plan = await lbctl('plan', without, '--json');
      expect(planned(plan)).toContain('lb1 keepalived_config');
      await up(without);
      await Promise.all([heldOn(one, 'lb1', EL), heldOn(six, null, EL)]);
      await settled(without);
    });
  });
});
