import { describe, expect, it } from 'vitest';
import { faultRun } from '../../../../src/engine/drill/fault-run.js';
import { holdersOver, longestOverlap, movesOf, type Seen } from '../../../../src/engine/drill/timeline.js';
import { parseSighting } from '../../../../src/engine/drill/watch.js';

const VIP = '192.0.2.200';
const gained = (host: string, at: number, address = VIP): Seen => ({ kind: 'gained', host, at, address });
const lost = (host: string, at: number, address = VIP): Seen => ({ kind: 'lost', host, at, address });
const vrrp = (host: string, at: number, what: string): Seen => ({
  kind: 'vrrp',
  host,
  at,
  instance: 'VI_1',
  what,
});

describe('what a host tells', () => {
  it.each([
    [
      '[2026-11-23T22:10:40.361098] Deleted 1733: eth0    inet 192.0.2.200/24 scope global secondary eth0\\       valid_lft forever preferred_lft forever',
      { kind: 'lost', at: Date.UTC(2026, 10, 23, 22, 10, 40) + 361.098, address: VIP },
    ],
    [
      '[2026-11-23T22:10:45.427998] 1733: eth0    inet 192.0.2.200/24 scope global secondary eth0\\       valid_lft forever preferred_lft forever',
      { kind: 'gained', at: Date.UTC(2026, 10, 23, 22, 10, 45) + 427.998, address: VIP },
    ],
    [
      '[2026-11-23T22:10:45.5] 2: eth0    inet6 2001:db8::200/128 scope global tentative \\       valid_lft',
      null,
    ],
    [
      '[2026-11-23T22:10:45.5] 2: eth0    inet6 2001:db8::200/128 scope global nodad \\       valid_lft',
      { kind: 'gained', at: Date.UTC(2026, 10, 23, 22, 10, 45) + 500, address: '2001:db8::200' },
    ],
    [
      '[2026-11-23T22:10:45.5] 1: lo    inet 192.0.2.200/32 scope global dynamic lo\\       valid_lft 4sec preferred_lft 4sec',
      null,
    ],
    [
      '[2026-11-23T22:10:45.5] Deleted 1: lo    inet 192.0.2.200/32 scope global dynamic lo\\       valid_lft 4sec preferred_lft 4sec',
      null,
    ],
    [
      '[2026-11-23T22:10:45.5] 1: lo    inet6 2001:db8::200/128 scope global dynamic \\       valid_lft 4sec preferred_lft 4sec',
      null,
    ],
    [
      '1795471841.361006 lb1 Keepalived_vrrp[677]: (VI_1) sent 0 priority',
      { kind: 'vrrp', at: 1795471841361.006, instance: 'VI_1', what: 'sent 0 priority' },
    ],
    [
      '1795471845.427663 lb1 Keepalived_vrrp[1895]: (VI_1) Entering MASTER STATE',
      { kind: 'vrrp', at: 1795471845427.663, instance: 'VI_1', what: 'Entering MASTER STATE' },
    ],
    [
      '1795471845.427663 lb1 Keepalived_vrrp[1895]: VRRP_Instance(VI_1) Entering FAULT STATE',
      { kind: 'vrrp', at: 1795471845427.663, instance: 'VI_1', what: 'Entering FAULT STATE' },
    ],
    [
      '1795471844.424364 lb1 Keepalived_vrrp[1895]: (VI_1) received lower priority (240) advert from 192.0.2.12 - discarding',
      null,
    ],
    ['1795471844.424364 lb1 systemd[1]: Stopping keepalived.service - (VI_1) Entering MASTER STATE', null],
    ['', null],
  ])('%s', (line, meaning) => {
    expect(parseSighting(line)).toEqual(meaning);
  });
});

describe('what became of a fault', () => {
  const question = { from: 1000, to: 9000, host: 'lb1', addresses: [VIP] };

  it('is noticed by whoever speaks first, and taken over when the address is there', () => {
    const seen = [
      gained('lb2', 1075),
      vrrp('lb2', 1070, 'Entering MASTER STATE'),
      vrrp('lb1', 1006, 'sent 0 priority'),
      lost('lb1', 1005),
    ];
    expect(movesOf(seen, question)).toEqual({
      noticed: { at: 1006, host: 'lb1', what: 'VI_1: sent 0 priority' },
      takenOver: { at: 1075, host: 'lb2' },
    });
  });

  it('is not taken over by what happened before or after, nor by its own host, nor for one address of two', () => {
    expect(
      movesOf([gained('lb2', 900), gained('lb1', 1500), gained('lb2', 9500)], question).takenOver,
    ).toBeNull();
    const two = { ...question, addresses: [VIP, '192.0.2.201'] };
    expect(movesOf([gained('lb2', 1500)], two).takenOver).toBeNull();
    const both = [gained('lb2', 1500), gained('lb3', 1700, '192.0.2.201')];
    expect(movesOf(both, two).takenOver).toEqual({ at: 1700, host: 'lb3' });
    expect(movesOf([gained('lb2', 1500)], { ...question, addresses: [] }).takenOver).toBeNull();
  });

  it('shows who held the address when, also both at once', () => {
    const seen = [lost('lb1', 400), gained('lb2', 2000), lost('lb2', 5000), gained('lb1', 500)];
    const held = holdersOver(seen, { address: VIP, before: ['lb1'], from: 1000, to: 6000 });
    expect(held).toEqual([
      { host: 'lb1', from: 1000, to: 6000 },
      { host: 'lb2', from: 2000, to: 5000 },
    ]);
    expect(longestOverlap(held)).toBe(3000);
    expect(longestOverlap([])).toBe(0);
    // One host after the other, and one host twice.
    const [one, two] = [
      { host: 'lb1', from: 0, to: 10 },
      { host: 'lb2', from: 11, to: 20 },
    ];
    expect(longestOverlap([one, two, one])).toBe(0);
  });

  it('an address that lingers where it was is held by its new holder alone, also when the lingering ends', () => {
    const line = (second: string, what: string) => `[2026-11-23T22:10:${second}] ${what} scope global`;
    const at = (second: number) => Date.UTC(2026, 10, 23, 22, 10, 0) + second * 1000;
    // keepalived was killed at 40: the address stays for packets that still come, and comes back to the new process.
    const seen = [
      line('40.1', `1: lo    inet ${VIP}/32`),
      line('40.2', `Deleted 2: eth0    inet ${VIP}/24`),
      line('43.0', `2: eth0    inet ${VIP}/24`),
      line('44.1', `Deleted 1: lo    inet ${VIP}/32`),
    ].flatMap((it): Seen[] => {
      const sighting = parseSighting(it);
      return sighting === null ? [] : [{ ...sighting, host: 'lb1' }];
    });
    expect(holdersOver(seen, { address: VIP, before: ['lb1'], from: at(39), to: at(50) })).toEqual([
      { host: 'lb1', from: at(39), to: at(40.2) },
      { host: 'lb1', from: at(43), to: at(50) },
    ]);
  });
});

describe('the figures of a fault', () => {
  const samples = Array.from({ length: 600 }, (_, index) => {
    const start = 10_000 + index * 10;
    return { start, end: start + 1, ok: start < 11_000 || start >= 11_300, why: '' };
  });
  const input = {
    cluster: { name: 'web' },
    watch: {
      seen: [
        vrrp('lb1', 11_005, 'Entering FAULT STATE'),
        lost('lb1', 11_010),
        gained('lb2', 11_280),
        lost('lb2', 14_000),
        gained('lb1', 14_001),
      ],
    },
    prober: { samples, description: 'a test' },
    rate: 100,
    address: VIP,
  };
  const about = {
    name: 'haproxy-stop',
    fault: { moves: 'always' },
    method: null,
    host: 'lb1',
    repetition: 1,
    before: { virtual_ips: [{ address: VIP, instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }] },
  } as const;

  it('are split at the undoing', () => {
    const story = {
      began: 10_900,
      madeAt: 11_000,
      undoneAt: 13_000,
      healthyAt: 14_500,
      endedAt: 15_500,
      cutShort: false,
      error: null,
    };
    const { result, timeline } = faultRun(input, about, story);
    expect(result).toMatchObject({
      fault: 'haproxy-stop',
      host: 'lb1',
      detection_ms: 5,
      detected_by: 'lb1',
      takeover_ms: 280,
      taken_over_by: 'lb2',
      takeover_expected: true,
      requests: 200,
      failed: 30,
      longest_gap_ms: 310,
      two_holders_ms: 0,
      restored: true,
      restore_ms: 1500,
      return: { requests: 250, failed: 0 },
    });
    expect(timeline?.holders).toEqual([
      { host: 'lb1', from_ms: -500, to_ms: 10 },
      { host: 'lb2', from_ms: 280, to_ms: 3000 },
      { host: 'lb1', from_ms: 3001, to_ms: 4500 },
    ]);
  });

  it('tell for how long two hosts held the address, on the way back as well', () => {
    const seen = [gained('lb2', 11_280), lost('lb1', 11_300), gained('lb1', 14_000), lost('lb2', 14_045)];
    const story = {
      ...{ began: 10_900, madeAt: 11_000, undoneAt: 13_000, healthyAt: 14_500, endedAt: 15_500 },
      ...{ error: null, cutShort: false },
    };
    expect(faultRun({ ...input, watch: { seen } }, about, story).result.two_holders_ms).toBe(45);
  });

  it('of one that was ended before anybody could take over blame nobody', () => {
    const story = {
      began: 10_900,
      madeAt: 11_000,
      undoneAt: 11_200,
      healthyAt: 12_500,
      endedAt: 13_500,
      error: null,
      cutShort: true,
    };
    expect(faultRun(input, about, story).result).toMatchObject({
      takeover_expected: false,
      takeover_ms: null,
    });
    expect(faultRun(input, about, { ...story, undoneAt: 11_400 }).result).toMatchObject({
      takeover_expected: true,
      takeover_ms: 280,
    });
  });

  it('do not exist for one that was not made', () => {
    const story = {
      began: 0,
      madeAt: null,
      undoneAt: 0,
      healthyAt: 1,
      endedAt: 1,
      error: 'no nft',
      cutShort: false,
    };
    expect(faultRun(input, about, story)).toMatchObject({
      result: {
        made: false,
        error: 'no nft',
        takeover_ms: null,
        longest_gap_ms: null,
        requests: 0,
        restored: true,
      },
      timeline: null,
    });
  });

  it('expect no takeover from a host that held nothing', () => {
    const story = {
      began: 10_900,
      madeAt: 11_000,
      undoneAt: 13_000,
      healthyAt: null,
      endedAt: 15_500,
      cutShort: false,
      error: 'down',
    };
    expect(faultRun(input, { ...about, host: 'lb2' }, story).result).toMatchObject({
      takeover_expected: false,
      takeover_ms: null,
      restored: false,
      restore_ms: null,
    });
  });
});
