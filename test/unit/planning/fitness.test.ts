import { describe, expect, it } from 'vitest';
import { activeHosts, riskOf, whyUnfit } from '../../../src/planning/fitness.js';
import { haproxyProbe } from '../../../src/resources/probes/haproxy.js';
import { keepalivedProbe } from '../../../src/resources/probes/keepalived.js';
import { networkProbe } from '../../../src/resources/probes/network.js';
import { serviceProbe } from '../../../src/resources/probes/service.js';
import type { Facts } from '../../../src/resources/types.js';
import { given, Unknown } from '../support/facts.js';
import { clusterOf } from '../support/model.js';

const cluster = clusterOf();
const VIP = '10.0.0.100';

interface Host {
  readonly holds?: readonly string[];
  readonly serving?: boolean;
  /** systemd's word for HAProxy. */
  readonly haproxy?: string;
  /** State, priority, effective priority of VI_1; null: keepalived does not run. */
  readonly vrrp?: readonly [state: string, priority: number, effective: number] | null | Unknown;
}

function facts({ holds = [], serving = true, haproxy = 'active', vrrp = ['BACKUP', 240, 240] }: Host): Facts {
  const instances = (of: readonly [string, number, number]) => [
    {
      instance: 'VI_1',
      virtualRouterId: 51,
      state: of[0],
      priority: of[1],
      effectivePriority: of[2],
      duePriority: of[1],
    },
  ];
  return given(
    [
      networkProbe,
      [{ name: 'eth0', up: true, addresses: holds.map((address) => ({ address, prefix: 24 })) }],
    ],
    [
      haproxyProbe(cluster.check.port),
      { serving, reason: serving ? '' : 'nothing listens', frontends: [], servers: [] },
    ],
    [serviceProbe('haproxy'), { active: haproxy }],
    [
      keepalivedProbe,
      vrrp instanceof Unknown
        ? vrrp
        : vrrp === null
          ? { running: false }
          : { running: true, switchover: 0, instances: instances(vrrp) },
    ],
  );
}

const ACTIVE: Host = { holds: [VIP], vrrp: ['MASTER', 250, 250] };

describe('a host that could take over', () => {
  it.each<[what: string, host: Host, why: RegExp | null]>([
    ['as it should be', {}, null],
    ['MASTER itself', { vrrp: ['MASTER', 250, 250] }, null],
    ['by a priority of its own file', { vrrp: ['BACKUP', 90, 90] }, null],
    ['HAProxy dead', { serving: false }, /^its HAProxy does not serve: nothing listens$/],
    ['keepalived dead', { vrrp: null }, /^keepalived does not run$/],
    ['in FAULT', { vrrp: ['FAULT', 240, 240] }, /^VI_1 is in state FAULT$/],
    ['starting', { vrrp: ['INIT', 240, 240] }, /^VI_1 is in state INIT$/],
    ['a check lowers it', { vrrp: ['BACKUP', 240, 180] }, /^VI_1's effective priority is 180, not 240$/],
    ['nobody knows', { vrrp: new Unknown('no dump') }, /^not known: .*no dump/],
  ])('%s', (_, host, why) => {
    const found = whyUnfit(cluster, facts(host));
    if (why === null) expect(found).toBeNull();
    else expect(found).toMatch(why);
  });

  it('whose keepalived will be stopped in any case needs HAProxy alone', () => {
    expect(whyUnfit(cluster, facts({ vrrp: null }), 'serving')).toBeNull();
    expect(whyUnfit(cluster, facts({ serving: false }), 'serving')).not.toBeNull();
  });

  it('whose keepalived waits to be started again may be stopped, and nothing else', () => {
    expect(whyUnfit(cluster, facts({ vrrp: null }), 'startable')).toBeNull();
    expect(whyUnfit(cluster, facts({ vrrp: ['FAULT', 240, 240] }), 'startable')).toMatch(/state FAULT/);
    expect(whyUnfit(cluster, facts({ serving: false }), 'startable')).not.toBeNull();
  });
});

describe('the hosts that serve', () => {
  it.each<[what: string, lb1: Host, lb2: Host, active: string]>([
    ['whoever holds the address', ACTIVE, {}, 'lb1'],
    ['nobody', {}, {}, ''],
    ['both, in a split brain', ACTIVE, ACTIVE, 'lb1 lb2'],
    ['not the one that a dead keepalived left it on', ACTIVE, { holds: [VIP], vrrp: null }, 'lb1'],
    ['but that one while it is the only one', { holds: [VIP], vrrp: null }, {}, 'lb1'],
    [
      'the MASTER of addresses that the inventory no longer has',
      { ...ACTIVE, holds: ['10.0.0.9'] },
      {},
      'lb1',
    ],
  ])('%s', (_, lb1, lb2, active) => {
    const found = activeHosts(
      cluster,
      new Map([
        ['lb1', facts(lb1)],
        ['lb2', facts(lb2)],
      ]),
    );
    expect([...found].join(' ')).toBe(active);
  });
});

describe('what is about to be changed', () => {
  const three = clusterOf(['      lb2: 10.0.0.12', '      lb2: 10.0.0.12\n      lb3: 10.0.0.13']);
  const DOWN: Host = { serving: false };

  it.each<[what: string, touched: string, hosts: Record<string, Host>, risk: string | null]>([
    ['the active host, its peer fit', 'lb1', { lb1: ACTIVE, lb2: {} }, null],
    ['the active host, its peer unfit', 'lb1', { lb1: ACTIVE, lb2: DOWN }, 'lb1'],
    ['the active host, its peer out of reach', 'lb1', { lb1: ACTIVE }, 'lb1'],
    ['the unfit standby itself', 'lb2', { lb1: ACTIVE, lb2: DOWN }, null],
    ['both at once', 'lb1 lb2', { lb1: ACTIVE, lb2: {} }, 'lb1'],
    ['an active host that serves nothing', 'lb1', { lb1: { ...ACTIVE, haproxy: 'failed' }, lb2: DOWN }, null],
    ['one of two active ones', 'lb2', { lb1: DOWN, lb2: ACTIVE }, 'lb2'],
    ['nobody holds anything', 'lb1 lb2', { lb1: { vrrp: null }, lb2: { vrrp: null } }, null],
  ])('%s', (_, touched, hosts, risk) => {
    const seen = new Map(Object.entries(hosts).map(([host, it]) => [host, facts(it)]));
    expect(riskOf(cluster, touched.split(' '), seen, 'fit')?.host ?? null).toBe(risk);
  });

  it('is no risk while one of two peers is fit, and names each peer where none is', () => {
    const seen = (lb3: Host) =>
      new Map([
        ['lb1', facts(ACTIVE)],
        ['lb3', facts(lb3)],
      ]);
    expect(riskOf(three, ['lb1'], seen({}), 'fit')).toBeNull();
    expect(riskOf(three, ['lb1'], seen(DOWN), 'fit')?.peers).toEqual([
      { host: 'lb2', unfit: 'it is out of reach' },
      { host: 'lb3', unfit: 'its HAProxy does not serve: nothing listens' },
    ]);
  });
});
