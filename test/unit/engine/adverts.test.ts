import { describe, expect, it } from 'vitest';
import { Rehearsal } from '../../../src/engine/adverts.js';
import { parseTold, rehearsalConfig } from '../../../src/engine/adverts-script.js';

const line = (path: number, speaker: number, state: string) =>
  `Tue Nov 24 03:19:43 2026: (lbctl_${path}_${speaker}) Entering ${state} STATE`;

function told(...lines: [string, number, string][]): Rehearsal {
  const rehearsal = new Rehearsal(1, ['lb1', 'lb2']);
  for (const [host, speaker, state] of lines) rehearsal.heard(host, line(0, speaker, state));
  return rehearsal;
}

describe('who hears whom', () => {
  it('is not known while a host is silent or a speaker does not speak', () => {
    expect(told(['lb1', 0, 'MASTER'], ['lb1', 1, 'BACKUP (init)']).deaf()).toBeNull();
    expect(
      told(['lb1', 0, 'BACKUP'], ['lb1', 1, 'BACKUP'], ['lb2', 0, 'BACKUP'], ['lb2', 1, 'MASTER']).deaf(),
    ).toBeNull();
  });

  it('all hear where every listener gives way, also one that began earlier', () => {
    const all = told(
      ['lb2', 0, 'MASTER'],
      ['lb1', 0, 'MASTER'],
      ['lb1', 1, 'BACKUP'],
      ['lb2', 0, 'BACKUP'],
      ['lb2', 1, 'MASTER'],
    );
    expect(all.deaf()).toEqual([]);
  });

  it('a listener that takes over does not hear the speaker, one direction at a time', () => {
    const one = told(['lb1', 0, 'MASTER'], ['lb2', 0, 'MASTER'], ['lb1', 1, 'BACKUP'], ['lb2', 1, 'MASTER']);
    expect(one.deaf()).toEqual([{ path: 0, speaker: 'lb1', listener: 'lb2' }]);
  });
});

it('lines of the log that say nothing of a state are no news', () => {
  expect(parseTold(`${line(1, 2, 'BACKUP')} (init)`)).toEqual({
    path: 1,
    speaker: 2,
    state: 'BACKUP',
  });
  expect(parseTold('(lbctl_0_0) received lower priority (1) advert from 10.0.0.2 - discarding')).toBeNull();
});

it('every host speaks once, at the lowest priorities, on the path of the instance', () => {
  const hosts = [
    { name: 'lb1', address: '10.0.0.1' },
    { name: 'lb2', address: '10.0.0.2' },
  ];
  const [host] = hosts;
  if (host === undefined) throw new Error('no host');
  const path = {
    devices: { lb1: 'eth0', lb2: 'ens3' },
    family: 4 as const,
    unicast: true,
    virtualRouterIds: { lb1: 255, lb2: 254 },
  };
  const config = rehearsalConfig([path], hosts, host);
  expect([...config.matchAll(/priority (\d+)/g)].map(([, it]) => it)).toEqual(['2', '1']);
  expect([...config.matchAll(/virtual_router_id (\d+)/g)].map(([, it]) => it)).toEqual(['255', '254']);
  expect(config).toContain('unicast_src_ip 10.0.0.1\n  unicast_peer {\n    10.0.0.2\n  }');
  expect(config).toContain('interface eth0');
  expect(rehearsalConfig([{ ...path, unicast: false }], hosts, host)).not.toContain('unicast');
  expect(config).toContain('127.112.1.254/32 dev lo');
  expect(rehearsalConfig([{ ...path, family: 6 }], hosts, host)).toContain('fe80::112:1:254/128 dev lo');
});
