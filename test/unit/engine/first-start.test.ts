import { describe, expect, it } from 'vitest';
import { leavesGroundAlone } from '../../../src/engine/first-start.js';
import type { Batch } from '../../../src/planning/types.js';

const batch = (...resources: string[]): Batch => ({
  play: 'p',
  work: [
    { host: 'lb1', items: [] },
    {
      host: 'lb2',
      items: resources.map((resource) => ({ resource, title: resource, steps: [], change: null })),
    },
  ],
  gates: [],
});

describe('adverts are tried beside a batch', () => {
  it.each([
    [
      'that sets up HAProxy',
      ['takeover_script', 'systemd_dropin:haproxy', 'haproxy_config', 'service:haproxy'],
      true,
    ],
    ['that reloads it', ['haproxy_config', 'reload haproxy'], true],
    ['but not one that installs packages', ['packages'], false],
    ['but not one that opens the firewall, HAProxy or no', ['haproxy_config', 'firewall'], false],
    ['but not one with keepalived itself', ['keepalived_config', 'service:keepalived'], false],
    ['but not one with a task of the operator', ['haproxy_config', 'command:iptables rules'], false],
  ])('%s', (_, resources, expected) => {
    expect(leavesGroundAlone(batch(...resources))).toBe(expected);
  });
});
