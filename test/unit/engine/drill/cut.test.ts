import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cutFactsScript, parseCutFacts, planCut } from '../../../../src/engine/drill/cut.js';
import { runShell } from '../../support/shell.js';

const SAID = `ssh 192.0.2.9 54714 192.0.2.11 22
nft
route 4 eth0 default via 192.0.2.1
route 4 eth0 192.0.2.0/24 proto kernel scope link src 192.0.2.11
route 4 eth0 198.51.100.0/24 via 192.0.2.2 metric 5
route 6 eth0 fe80::/64 proto kernel metric 256 pref medium
route 6 eth0 default via fe80::1 metric 1024 pref medium
keep eth0 0
`;
const input = { devices: ['eth0'], vips: ['192.0.2.200', '2001:db8::200'], downSeconds: 8 };

describe('a host that is to be cut off', () => {
  it('says what there is to cut with, and which routes do not come back by themselves', () => {
    expect(parseCutFacts(SAID)).toEqual({
      nft: true,
      ssh: { client: '192.0.2.9', port: 22 },
      routes: {
        eth0: [
          { family: 4, route: 'default via 192.0.2.1' },
          { family: 4, route: '198.51.100.0/24 via 192.0.2.2 metric 5' },
          { family: 6, route: 'default via fe80::1 metric 1024 pref medium' },
        ],
      },
      keepAddresses: { eth0: '0' },
    });
    expect(parseCutFacts('')).toEqual({ nft: false, ssh: null, routes: {}, keepAddresses: {} });
  });

  it('says it in every shell', () => {
    for (const shell of ['/bin/dash', '/bin/bash']) {
      const { stdout } = runShell(cutFactsScript(['lo']), { shell });
      const setting = readFileSync('/proc/sys/net/ipv6/conf/lo/keep_addr_on_down', 'utf8').trim();
      expect(parseCutFacts(stdout).keepAddresses, shell).toEqual({ lo: setting });
    }
  });

  it('keeps the SSH connection and answers for no virtual address, with nft', () => {
    const plan = planCut({ ...input, facts: parseCutFacts(SAID) });
    if (!plan.possible) throw new Error(plan.why);
    expect(plan.method).toBe('nft');
    const make = plan.fault.make.text.reveal();
    expect(make).toContain('iifname { "eth0" } ip saddr 192.0.2.9 tcp dport 22 accept');
    expect(make).toContain('oifname { "eth0" } ip daddr 192.0.2.9 tcp sport 22 accept');
    expect(make.indexOf('accept')).toBeLessThan(make.lastIndexOf('drop'));
    expect(make).toContain('arp saddr ip 192.0.2.200 drop');
    expect(make).toContain('ip6 saddr { 2001:db8::200 } drop');
    expect(make).not.toContain('nd-neighbor');
    expect(plan.fault.undo.text.reveal()).toContain('nft delete table inet lbctl_drill');
  });

  it('lets neighbour discovery live where SSH comes over IPv6', () => {
    const facts = { ...parseCutFacts(SAID), ssh: { client: '2001:db8::9', port: 2222 } };
    const plan = planCut({ ...input, facts });
    if (!plan.possible) throw new Error(plan.why);
    const make = plan.fault.make.text.reveal();
    expect(make).toContain('ip6 saddr 2001:db8::9 tcp dport 2222 accept');
    expect(make).toContain('nd-neighbor-solicit');
  });

  it.each([
    ['no nft', { nft: false }],
    ['an SSH connection that is not to be seen', { ssh: null }],
  ])('goes down by itself for a fixed time with %s, and gets its routes back', (_, facts) => {
    const plan = planCut({ ...input, facts: { ...parseCutFacts(SAID), ...facts } });
    if (!plan.possible) throw new Error(plan.why);
    expect(plan.method).toBe('link');
    const make = plan.fault.make.text.reveal();
    expect(make).toMatch(
      /^setsid .*sleep 0\.3[\s\S]*ip link set dev eth0 down\nsleep 8\nip link set dev eth0 up/,
    );
    const undo = plan.fault.undo.text.reveal();
    expect(undo).toContain('ip -4 route replace 198.51.100.0/24 via 192.0.2.2 metric 5 dev eth0');
    expect(undo).toContain('ip -6 route replace default via fe80::1 metric 1024 pref medium dev eth0');
    expect(undo).toContain('echo 0 >/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down');
  });

  it('is left alone where the interface is not known', () => {
    expect(planCut({ ...input, devices: [], facts: parseCutFacts(SAID) })).toMatchObject({ possible: false });
  });
});
