import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo, reset, startClientLoop } from '../lab/lab.js';
import { holders, on, onBoth, vip } from './support/hosts.js';
import { lbctl } from './support/lbctl.js';
import { healthy, inventory, startBare, vi1 } from './support/pair.js';

/** What only trying shows: no word of VRRP in the rule, and it is the other host's adverts alone that it takes. */
async function without(host: 'lb1' | 'lb2', adverts: string, run: () => Promise<void>): Promise<void> {
  const family = adverts.startsWith('ip6') ? 'ip6' : 'ip';
  await on(
    host,
    `nft 'add table ${family} snoop; add chain ${family} snoop in { type filter hook prerouting priority 0; };
      add rule ${family} snoop in ${adverts} drop'`,
  );
  try {
    await run();
  } finally {
    await on(host, `nft delete table ${family} snoop`);
  }
}

/** Puts a script in a program's place; `$real` is what was there. */
async function instead(program: string, script: string, run: () => Promise<void>): Promise<void> {
  const text = Buffer.from(`#!/bin/sh\nreal=${program}.real\n${script}\nexec "$real" "$@"\n`).toString(
    'base64',
  );
  await on(
    'lb2',
    `cp -a "$(readlink -f ${program})" ${program}.real; cp -a ${program} ${program}.was; rm ${program}
    echo ${text} | base64 -d >${program}; chmod 755 ${program}`,
  );
  try {
    await run();
  } finally {
    await on('lb2', `rm -f ${program} ${program}.real; mv ${program}.was ${program}`);
  }
}

describe('a host that is not what a pair needs, before anything is changed', () => {
  let path: string;

  beforeAll(async () => {
    await startBare();
    path = await inventory('bare.yaml');
  });

  async function refused(message: string): Promise<void> {
    const up = await lbctl('up', path);
    expect(up.exit, up.said).toBe(1);
    expect(up.stderr).toContain(`web/lb2: ${message}`);
    expect(up.said).toContain('refused; nothing was changed');
    expect(await onBoth('ls -d /etc/haproxy /etc/keepalived /var/lib/lbctl 2>/dev/null; true')).toEqual([
      '',
      '',
    ]);
  }

  it('a file system that is full', async () => {
    const size = await on('lb2', 'findmnt -no SIZE -b /run');
    await on('lb2', 'mount -o remount,size=2M /run');
    try {
      await refused('/run has ');
    } finally {
      await on('lb2', `mount -o remount,size=${size.trim()} /run`);
    }
  });

  it('a release that is too old', async () => {
    await on(
      'lb2',
      'cp --remove-destination "$(readlink -f /etc/os-release)" /etc/os-release.was; ls -l /etc/os-release',
    );
    await on('lb2', 'sed -i \'s/^VERSION_ID=.*/VERSION_ID="7.9"/\' "$(readlink -f /etc/os-release)"');
    try {
      await refused('');
      expect((await lbctl('up', path)).stderr).toContain('is not supported');
    } finally {
      await on('lb2', 'cat /etc/os-release.was >"$(readlink -f /etc/os-release)"; rm /etc/os-release.was');
    }
  });

  it('a keepalived that is too old', () =>
    instead(
      '/usr/bin/rpm',
      'case " $* " in *keepalived*) echo keepalived 1.3.5-19.el7; echo haproxy 1.5.18-9.el7; exit 0 ;; esac',
      () => refused('packages: keepalived 1.3.5-19.el7 is too old: what lbctl writes needs 2.1 or later'),
    ));

  it('a clock that is a day behind stops nothing, and is said', () =>
    instead(
      '/usr/bin/date',
      'case " $* " in *" -d "*) ;; *) exec "$real" -d "-1 day" "$@" ;; esac',
      async () => {
        const plan = await lbctl('plan', path);
        expect(plan.exit, plan.said).toBe(2);
        expect(plan.said).toContain('lb2: its clock is 24 h behind the one here');
        expect(plan.said).not.toContain('lb1: its clock');
      },
    ));
});

describe('hosts that do not see each other, before the first start', () => {
  let path: string;
  let ways: string;

  async function nothingRehearses(): Promise<void> {
    const left =
      'ls -d /run/lbctl-adverts.*; ip -o addr show dev lo | grep -E "127\\.112\\.|fe80::112:"; true';
    expect(await onBoth(left)).toEqual(['', '']);
  }

  async function nothingLeft(): Promise<void> {
    await nothingRehearses();
    expect(await holders(await vip())).toEqual([]);
    expect(await onBoth('systemctl is-active keepalived; pgrep -x keepalived; true')).toEqual([
      'inactive',
      'inactive',
    ]);
  }

  beforeAll(async () => {
    await startBare();
    path = await inventory('bare.yaml');
    const { vips6 } = await labInfo();
    ways = await inventory('ways.yaml', (file) => {
      const six = { virtual_router_id: 61, virtual_ipaddress: [`${vips6[0]}/64`] };
      Object.assign(file.clusters.web.vrrp_instances, { VI_6: six });
      vi1(file).unicast = true;
    });
  });

  it('one direction is enough to refuse; keepalived was started nowhere, nothing is left of the rehearsal', async () => {
    const { hosts } = await labInfo();
    await without('lb2', `ip saddr ${hosts.el1.address} ip daddr 224.0.0.18`, async () => {
      const up = await lbctl('up', path);
      expect(up.exit, up.said).toBe(1);
      expect(up.stderr).toContain(
        'web/lb2: lb2 does not hear the adverts of lb1 (IP protocol 112 to 224.0.0.18 on eth0)',
      );
      expect(up.stderr).not.toContain('lb1 does not hear');
      expect(up.said).toContain('refused before keepalived was started; what was done before stays');
    });
    await nothingLeft();
  });

  it('by unicast, and over IPv6 where IPv4 passes: each way is tried by itself', async () => {
    const { el1, el2 } = (await labInfo()).hosts;
    await without(
      'lb1',
      `ip saddr ${el2.address} ip daddr ${el1.address} meta l4proto != { tcp, icmp }`,
      () =>
        without('lb2', 'ip6 daddr ff02::12', async () => {
          const up = await lbctl('up', ways);
          expect(up.exit, up.said).toBe(1);
          const deaf = up.stderr.match(/lb\d does not hear the adverts of lb\d \(.*?\)/g)?.sort();
          expect(deaf).toEqual([
            `lb1 does not hear the adverts of lb2 (IP protocol 112 to ${el1.address} on eth0)`,
            'lb2 does not hear the adverts of lb1 (IP protocol 112 to ff02::12 on eth0)',
          ]);
        }),
    );
    await nothingLeft();
  });

  it('a check that cannot run is found before keepalived starts, and before anybody holds the address', async () => {
    const folder = '/usr/libexec/keepalived';
    await on(
      'lb1',
      `mkdir -p ${folder} && mount --bind ${folder} ${folder} && mount -o remount,bind,noexec ${folder}`,
    );
    try {
      const up = await lbctl('up', ways);
      expect(up.exit, up.said).toBe(1);
      expect(up.stderr).toMatch(/\/lbctl-check-haproxy is (missing or )?not executable/);
      expect(await holders(await vip())).toEqual([]);
      expect(await onBoth('systemctl is-active keepalived; true')).toEqual(['inactive', 'inactive']);
    } finally {
      await on('lb1', `umount ${folder}`);
    }
  });

  it('once they hear each other the pair is built', async () => {
    const up = await lbctl('up', ways);
    expect(up.exit, up.said).toBe(0);
    expect(up.stderr).not.toContain('could not be tried');
    await healthy(ways);
    await nothingRehearses();
  });

  it('a host that was rebuilt joins its peer, which holds the addresses, only where they hear each other', async () => {
    const address = await vip();
    const { el1 } = (await labInfo()).hosts;
    await reset(['el2']);
    const joins = async (message: string): Promise<void> => {
      const up = await lbctl('up', ways);
      expect(up.exit, up.said).toBe(1);
      expect(up.stderr).toContain(message);
      expect(await holders(address)).toEqual(['lb1']);
      expect(await on('lb2', 'systemctl is-active keepalived; true')).toBe('inactive');
      await nothingRehearses();
    };
    // Besides what it says of itself all day long: dumps, and the ARP packets of a holder.
    const words = "journalctl -u keepalived -o cat | grep -vE 'Printing VRRP|[Ss]ending' | tail -n 20";
    const said = await on('lb1', words);
    // Nobody else may hold them for a moment either, and clients must notice nothing of what is tried.
    const monitor = on('lb2', 'timeout 120 ip -o monitor address dev eth0 >/run/joined.log; true', {
      timeoutMs: 130_000,
    });
    const loop = await startClientLoop(`http://${address}/`);
    await on(
      'lb2',
      `nft 'add table inet cut; add chain inet cut input { type filter hook input priority 0; policy accept; };
       add rule inet cut input ip protocol 112 drop'`,
    );
    await joins('web/lb2: the packet filter drops VRRP (inet cut input): both hosts would hold the address');
    expect(await on('lb2', 'ls -d /etc/keepalived 2>/dev/null; nft delete table inet cut')).toBe('');
    await without('lb2', `ip saddr ${el1.address} meta l4proto != { tcp, icmp }`, () =>
      joins(`lb2 does not hear the adverts of lb1 (IP protocol 112 to`),
    );
    const report = await loop.stop();
    await on('lb2', 'pkill -x ip; true');
    await monitor;
    expect(await on('lb2', `grep -F ${address} /run/joined.log; true`)).toBe('');
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    expect(await on('lb1', words)).toBe(said);
    const up = await lbctl('up', ways);
    expect(up.exit, up.said).toBe(0);
    await healthy(ways);
  });
});
