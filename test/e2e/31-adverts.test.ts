import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo, powerOff, powerOn, startClientLoop } from '../lab/lab.js';
import { bare, EL, failover, first, heldOn, run, settled, up, type Web, write } from './support/cluster.js';
import { lbctl, planned } from './support/lbctl.js';
import { status } from './support/pair.js';
import { until } from './support/until.js';

const unicast = (web: Web) => {
  first(web).unicast = true;
};
const subSecond = (web: Web) => {
  first(web).advert_int = 0.1;
};

/** With it in place no host hears an advert to the group. */
const DEAF_TO_MULTICAST =
  'nft add table inet deaf; nft "add chain inet deaf in { type filter hook input priority 0; }"; nft add rule inet deaf in ip daddr 224.0.0.18 drop';

async function onBoth(command: string): Promise<string[]> {
  return Promise.all([run('el1', command), run('el2', command)]);
}

describe('how the hosts of a pair tell each other that they live', () => {
  let address: string;
  let byUnicast: string;
  let byMulticast: string;

  beforeAll(async () => {
    await bare();
    address = (await labInfo()).vips[0] ?? '';
    [byUnicast, byMulticast] = await Promise.all([write(EL, unicast), write(EL)]);
    await up(byUnicast);
  });

  it('unicast: to the other hosts alone, and the standby takes over', async () => {
    const { hosts } = await labInfo();
    const confs = await onBoth('cat /etc/keepalived/keepalived.conf');
    expect(confs[0]).toMatch(
      new RegExp(`unicast_src_ip ${hosts.el1.address}\\s+unicast_peer \\{\\s+${hosts.el2.address}\\s+\\}`),
    );
    expect(confs[1]).toMatch(
      new RegExp(`unicast_src_ip ${hosts.el2.address}\\s+unicast_peer \\{\\s+${hosts.el1.address}\\s+\\}`),
    );
    await settled(byUnicast);
    await onBoth(DEAF_TO_MULTICAST);
    try {
      await failover({ address, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
      expect(await status(byUnicast)).toMatchObject({ exit: 0, state: 'healthy' });
    } finally {
      await onBoth('nft delete table inet deaf');
    }
  });

  it.each([
    ['multicast', () => byMulticast],
    ['unicast', () => byUnicast],
  ])('a running pair is switched to %s, and the client hardly notices', async (_, path) => {
    const plan = await lbctl('plan', path(), '--json');
    expect(planned(plan)).toEqual(['lb1 keepalived_config', 'lb2 keepalived_config']);
    const loop = await startClientLoop(`http://${address}/`);
    const done = await up(path());
    const report = await loop.stop();
    expect(done.stderr).not.toMatch(/both hold/);
    // The address leaves for a moment, never for the three seconds of an election.
    expect(report.failed, JSON.stringify(report.errors)).toBeLessThan(20);
    expect(report.longestGapMs).toBeLessThan(500);
    await heldOn(address, 'lb1', EL);
    await settled(path());
    for (const left of await onBoth('cat /etc/keepalived/keepalived.conf; ls /etc/keepalived')) {
      expect(left).not.toMatch(/priority 255|lbctl-kept/);
    }
  });

  it('changed on one host alone with --limit, it is refused: both would hold the address', async () => {
    const limited = await lbctl('up', byMulticast, '--limit', 'web/lb2');
    expect(limited.exit, limited.said).toBe(1);
    expect(limited.said).toContain('nothing was changed');
    await heldOn(address, 'lb1', EL);
    expect((await lbctl('plan', byUnicast)).exit).toBe(0);
  });

  it('advert_int 0.1: version 3, and a host that loses its power is replaced within a second', async () => {
    const path = await write(EL, subSecond);
    await up(path);
    await settled(path);
    for (const conf of await onBoth('cat /etc/keepalived/keepalived.conf')) {
      expect(conf).toMatch(/version 3\n[^}]*advert_int 0\.1\n/);
    }
    await failover({ address, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 300 });

    const loop = await startClientLoop(`http://${address}/`);
    await powerOff('el1');
    try {
      await until('the address on lb2', async () =>
        (await run('el2', `ip -o addr show to ${address}`)) === '' ? undefined : true,
      );
      expect(await status(path)).toMatchObject({ exit: 4, state: 'degraded' });
    } finally {
      await powerOn('el1');
    }
    await heldOn(address, 'lb1', EL);
    const report = await loop.stop();
    // With adverts of a second each it would be three.
    expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(1500);
  });

  it('unicast over IPv6: hosts by their other addresses, and the standby takes over', async () => {
    const { hosts, vips6 } = await labInfo();
    const six = vips6[0] ?? '';
    const path = await write(EL, (web) => {
      for (const [name, machine] of Object.entries(EL)) {
        const entry = web.hosts[name];
        if (entry !== undefined) entry.address = hosts[machine].address6;
      }
      Object.assign(first(web), { unicast: true, virtual_ipaddress: [`${six}/64`] });
    });
    await up(path);
    await settled(path);
    for (const [index, conf] of (await onBoth('cat /etc/keepalived/keepalived.conf')).entries()) {
      const [own, other] = index === 0 ? [hosts.el1, hosts.el2] : [hosts.el2, hosts.el1];
      expect(conf).toMatch(
        new RegExp(`unicast_src_ip ${own.address6}\\s+unicast_peer \\{\\s+${other.address6}\\s+\\}`),
      );
    }
    await onBoth(DEAF_TO_MULTICAST.replace('ip daddr 224.0.0.18', 'ip6 daddr ff02::12'));
    try {
      await failover({ address: six, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
      expect(await status(path)).toMatchObject({ exit: 0, state: 'healthy' });
      for (const heard of await onBoth('nft list table inet deaf')) expect(heard).toContain('ff02::12');
    } finally {
      await onBoth('nft delete table inet deaf');
    }
  });
});
