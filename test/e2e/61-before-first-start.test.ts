import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { holders, on, onBoth, vip } from './support/hosts.js';
import { lbctl } from './support/lbctl.js';
import { healthy, inventory, startBare } from './support/pair.js';

/** What only trying shows: no word of VRRP in it, and it is the other host's adverts alone that it takes. */
async function withoutAdverts(host: 'lb1' | 'lb2', from: string, run: () => Promise<void>): Promise<void> {
  await on(
    host,
    `nft 'add table ip snoop; add chain ip snoop in { type filter hook prerouting priority 0; };
      add rule ip snoop in ip saddr ${from} ip daddr 224.0.0.18 drop'`,
  );
  try {
    await run();
  } finally {
    await on(host, 'nft delete table ip snoop');
  }
}

describe('hosts that do not see each other, before the first start', () => {
  let path: string;

  beforeAll(async () => {
    await startBare();
    path = await inventory('bare.yaml');
  });

  it('one direction is enough to refuse; keepalived was started nowhere, nothing is left of the rehearsal', async () => {
    const { hosts } = await labInfo();
    await withoutAdverts('lb2', hosts.el1.address, async () => {
      const up = await lbctl('up', path);
      expect(up.exit, up.said).toBe(1);
      expect(up.stderr).toContain(
        'web/lb2: lb2 does not hear the adverts of lb1 (IP protocol 112 to 224.0.0.18 on eth0)',
      );
      expect(up.stderr).not.toContain('lb1 does not hear');
      expect(up.said).toContain('refused before keepalived was started; what was done before stays');
    });
    expect(await holders(await vip())).toEqual([]);
    const left =
      'systemctl is-active keepalived; pgrep -x keepalived; ls -d /run/lbctl-adverts.*; ip -4 -o addr show dev lo | grep -F 127.112.; true';
    expect(await onBoth(left)).toEqual(['inactive', 'inactive']);
  });

  it('once they hear each other the pair is built', async () => {
    const up = await lbctl('up', path);
    expect(up.exit, up.said).toBe(0);
    expect(up.stderr).not.toContain('could not be tried');
    await healthy(path);
    expect(await onBoth('ls -d /run/lbctl-adverts.* 2>/dev/null; true')).toEqual(['', '']);
  });
});
