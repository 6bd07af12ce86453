import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import {
  ask,
  holders,
  on,
  onBoth,
  PAIR,
  realChanges,
  type Snapshot,
  snapshot,
  vip,
} from './support/hosts.js';
import { lbctl, planOf, type Run } from './support/lbctl.js';
import { healthy, type InventoryFile, inventory, startBare } from './support/pair.js';
import { withForeignSpeaker } from './support/vrrp-speaker.js';

describe('before the first start on bare hosts', () => {
  let address: string;

  beforeAll(async () => {
    await startBare();
    address = await vip();
  });

  describe('what would go wrong is refused, and nothing is changed', () => {
    let before: Snapshot[];

    async function refused(edit?: (file: InventoryFile) => void): Promise<Run> {
      const path = await inventory('bare.yaml', edit);
      before = await Promise.all(PAIR.map(snapshot));
      const [up, plan] = await Promise.all([lbctl('up', path), lbctl('plan', path, '--json')]);
      expect([up.exit, plan.exit], up.said).toEqual([1, 1]);
      expect(planOf(plan).status).toBe('error');
      expect(planOf(plan).problems).not.toEqual([]);
      return up;
    }

    beforeEach(() => {
      before = [];
    });

    afterEach(async () => {
      expect(before).toHaveLength(2);
      for (const [index, host] of PAIR.entries()) {
        const was = before[index];
        expect(was === undefined ? ['no snapshot'] : realChanges(was, await snapshot(host)), host).toEqual(
          [],
        );
      }
    });

    it('a VIP that another machine answers for, and a foreign speaker with our VRID', async () => {
      const { hosts } = await labInfo();
      const mac = await on('client', 'cat /sys/class/net/eth0/address');
      await on('client', `ip addr add ${address}/24 dev eth0`);
      try {
        const up = await withForeignSpeaker(51, address, () => refused());
        for (const host of PAIR) {
          expect(up.stderr).toContain(
            `web/${host}: another machine answers for ${address} (its MAC address is ${mac})`,
          );
          expect(up.stderr).toMatch(new RegExp(`web/${host}: \\S+ speaks VRRP with virtual_router_id 51`));
        }
        expect(up.stderr).toContain(`${hosts.client.address} speaks VRRP`);
        expect(up.stdout).toContain('nothing was changed');
      } finally {
        await on('client', `ip addr del ${address}/24 dev eth0`);
      }
    });

    it('packet filters that would drop VRRP', async () => {
      const chain = (policy: string) =>
        `add chain inet guard input { type filter hook input priority 0; policy ${policy}; }`;
      await on(
        'lb1',
        `nft 'add table inet guard; ${chain('accept')}; add rule inet guard input ip protocol vrrp drop'`,
      );
      await on(
        'lb2',
        `nft 'add table inet guard; ${chain('drop')}; add rule inet guard input ct state established,related accept;
          add rule inet guard input tcp dport { 22, 80 } accept; add rule inet guard input iif lo accept'`,
      );
      try {
        const up = await refused();
        for (const host of PAIR)
          expect(up.stderr).toMatch(
            new RegExp(`web/${host}: the packet filter drops VRRP \\(inet guard input\\)`),
          );
      } finally {
        await onBoth('nft delete table inet guard');
      }
    });

    it('firewalld that would drop VRRP and is to be kept', async () => {
      const up = await refused(({ clusters: { web } }) => {
        web.system = { firewall: 'keep' };
      });
      for (const host of PAIR)
        expect(up.stderr).toMatch(new RegExp(`web/${host}: firewalld drops VRRP in zone public`));
      expect(up.stderr).toContain('firewall: open');
    });

    it('a port that another program has', async () => {
      await on('lb1', 'systemd-run -q --unit=squatter python3 -m http.server 80');
      try {
        await on(
          'lb1',
          'for i in $(seq 50); do ss -Hltn "sport = :80" | grep -q . && exit 0; sleep 0.1; done; exit 1',
        );
        const up = await refused();
        expect(up.stderr).toMatch(/web\/lb1: haproxy_config: port 80 is taken by python3/);
        expect(up.stderr).not.toMatch(/web\/lb2: .*port 80/);
      } finally {
        await on('lb1', 'systemctl stop squatter');
      }
    });

    it('an interface that is missing, one that is down, and none on the subnet', async () => {
      await on('lb2', 'ip link add lab0 type veth peer name lab1');
      try {
        const up = await refused(({ clusters: { web } }) => {
          web.hosts.lb1.interface = 'eth9';
          web.hosts.lb2.interface = 'lab0';
        });
        expect(up.stderr).toMatch(/web\/lb1: .*interface eth9 of VI_1 does not exist/);
        expect(up.stderr).toMatch(/web\/lb2: .*interface lab0 of VI_1 is down/);
      } finally {
        await on('lb2', 'ip link del lab0');
      }
    });
  });

  it('with `firewall: open` firewalld stays, lets VRRP and port 80 through for good, and the pair works', async () => {
    const path = await inventory('open.yaml', ({ clusters: { web } }) => {
      web.system = { firewall: 'open' };
    });
    const up = await lbctl('up', path);
    expect(up.exit, up.said).toBe(0);
    expect(up.stderr).not.toContain('the firewall is switched off');
    expect(
      await onBoth('systemctl is-active firewalld; systemctl is-enabled firewalld; firewall-cmd --state'),
    ).toEqual(['active\nenabled\nrunning', 'active\nenabled\nrunning']);
    for (const flag of ['', '--permanent']) {
      const said = await onBoth(
        `firewall-cmd ${flag} --zone=public --list-protocols; firewall-cmd ${flag} --zone=public --list-ports`,
      );
      expect(said, flag).toEqual(['vrrp\n80/tcp', 'vrrp\n80/tcp']);
    }
    await onBoth('firewall-cmd -q --reload');
    await healthy(path);
    expect(await holders(address)).toEqual(['lb1']);
    expect(await ask(`http://${address}/`, 2)).toHaveLength(2);
    const again = await lbctl('up', path);
    expect(again.exit).toBe(0);
    expect(again.stderr).toContain('web: plan: no changes');
  });

  it('a rule taken out of firewalld by hand on one host is found there and put back', async () => {
    const path = await inventory('open.yaml', ({ clusters: { web } }) => {
      web.system = { firewall: 'open' };
    });
    await on(
      'lb2',
      'for it in protocol=vrrp port=80/tcp; do firewall-cmd -q --permanent --zone=public --remove-$it; done',
    );
    const plan = await lbctl('plan', path, '--json');
    expect(plan.exit).toBe(2);
    expect(planOf(plan).changes).toMatchObject([{ host: 'lb2', resource: 'firewall' }]);
    expect(planOf(plan).changes[0]?.reason).toBe('zone public (permanent) lacks vrrp, 80/tcp');
    const up = await lbctl('up', path);
    expect(up.exit, up.said).toBe(0);
    expect(await on('lb2', 'firewall-cmd --permanent --zone=public --query-protocol=vrrp')).toBe('yes');
  });
});
