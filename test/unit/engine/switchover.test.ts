import { describe, expect, it } from 'vitest';
import type { Observations } from '../../../src/engine/assess.js';
import { belowOne, belowOthers } from '../../../src/engine/move.js';
import { decide } from '../../../src/engine/switchover.js';
import { haproxyProbe } from '../../../src/resources/probes/haproxy.js';
import { keepalivedProbe } from '../../../src/resources/probes/keepalived.js';
import { networkProbe } from '../../../src/resources/probes/network.js';
import { type Facts, type Probe, UnknownFact } from '../../../src/resources/types.js';
import { clusterOf } from '../support/model.js';

interface Seen {
  readonly holds?: boolean;
  readonly switchover?: number;
  readonly serving?: boolean;
}

const cluster = clusterOf();
const priorities: Readonly<Record<string, number>> = { lb1: 250, lb2: 240 };

function factsOf(name: string, { holds = false, switchover = 0, serving = true }: Seen): Facts {
  const priority = priorities[name] ?? 0;
  const due = Math.max(1, priority + switchover);
  const state = holds ? 'MASTER' : 'BACKUP';
  const answers: Readonly<Record<string, unknown>> = {
    [networkProbe.key]: [
      { name: 'eth0', up: true, addresses: holds ? [{ address: '10.0.0.100', prefix: 24 }] : [] },
    ],
    [keepalivedProbe.key]: {
      running: true,
      switchover,
      instances: [
        { instance: 'VI_1', state, virtualRouterId: 51, priority, effectivePriority: due, duePriority: due },
      ],
    },
    [haproxyProbe(cluster.check.port).key]: { serving, reason: 'dead', frontends: [], servers: [] },
  };
  return {
    need<F>(probe: Probe<F>): F {
      if (!(probe.key in answers)) throw new UnknownFact(probe.key, 'not asked');
      return answers[probe.key] as F;
    },
  };
}

function seen(hosts: Readonly<Record<string, Seen>>): Observations {
  return new Map(
    Object.entries(hosts).map(([name, it]) => [name, { reachable: true, facts: factsOf(name, it) }]),
  );
}

const input = { cluster, to: null, force: false, limit: null };
const normal = seen({ lb1: { holds: true }, lb2: {} });
const moved = seen({ lb1: { switchover: -11 }, lb2: { holds: true } });

describe('how far a host is lowered', () => {
  it('below the others, and no further: it stays the next in line', () => {
    expect(belowOthers(cluster, 'lb1')).toBe(-11);
    expect(belowOthers(cluster, 'lb2')).toBe(0);
    expect(belowOne(cluster, 'lb1', 'lb2')).toBe(-11);
    expect(belowOne(cluster, 'lb2', 'lb1')).toBe(0);
  });
});

describe('what a switchover does', () => {
  it.each([
    ['to the other host', null, normal, [], [{ host: 'lb1', value: -11 }]],
    ['to a named one', { host: 'lb2' }, normal, [], [{ host: 'lb1', value: -11 }]],
    ['to the one that holds everything by itself', { host: 'lb1' }, normal, [], []],
    ['once more', { host: 'lb2' }, moved, [], []],
    ['back', 'back', moved, ['lb1'], []],
    ['back by name', { host: 'lb1' }, moved, ['lb1'], []],
    ['back, with none in effect', 'back', normal, [], []],
  ] as const)('%s', (_, to, observations, restore, lower) => {
    expect(decide({ ...input, to }, observations)).toEqual({ refused: false, problems: [], restore, lower });
  });

  it('without preemption the holder has to let go, both ways', () => {
    const waits = clusterOf([
      'virtual_ipaddress: [10.0.0.100/24]',
      'preempt: false\n        virtual_ipaddress: [10.0.0.100/24]',
    ]);
    expect(decide({ ...input, cluster: waits, to: { host: 'lb2' } }, normal).lower).toEqual([
      { host: 'lb1', value: -11 },
    ]);
    expect(decide({ ...input, cluster: waits, to: 'back' }, moved)).toMatchObject({
      restore: ['lb1'],
      lower: [{ host: 'lb2', value: 0 }],
    });
  });

  it.each([
    ['its HAProxy is dead', seen({ lb1: { holds: true }, lb2: { serving: false } })],
    ['it is out of reach', seen({ lb1: { holds: true } })],
  ])('refuses a target that is not fit: %s', (_, observations) => {
    const refused = decide({ ...input, to: { host: 'lb2' } }, observations);
    expect(refused.refused).toBe(true);
    expect(refused.problems).toMatchObject([{ code: 'target-unfit', severity: 'error', host: 'lb2' }]);
    const forced = decide({ ...input, to: { host: 'lb2' }, force: true }, observations);
    expect(forced).toMatchObject({ refused: false, lower: [{ host: 'lb1', value: -11 }] });
    expect(forced.problems).toMatchObject([{ severity: 'warning' }]);
  });

  it('refuses a target that is not fit although it holds a part of the addresses', () => {
    const two = clusterOf([
      'virtual_ipaddress: [10.0.0.100/24]',
      'virtual_router_id: 51\n        virtual_ipaddress: [10.0.0.100/24]\n      VI_2:\n        virtual_router_id: 52\n        virtual_ipaddress: [10.0.0.101/24]',
    ]);
    const both = seen({ lb1: { holds: true }, lb2: { holds: true, serving: false } });
    const refused = decide({ ...input, cluster: two, to: { host: 'lb2' } }, both);
    expect(refused).toMatchObject({ refused: true, problems: [{ code: 'target-unfit', host: 'lb2' }] });
  });

  it('refuses where nobody holds anything, and what --limit leaves out', () => {
    expect(decide(input, seen({ lb1: {}, lb2: {} })).problems).toMatchObject([{ code: 'no-target' }]);
    expect(decide({ ...input, limit: new Set(['lb2']) }, normal).problems).toMatchObject([
      { code: 'limited' },
    ]);
  });
});
