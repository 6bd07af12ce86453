import { describe, expect, test } from 'vitest';
import type { ClusterStatus, HostStatus } from '../../../src/engine/documents.js';
import { formatStatus } from '../../../src/report/status.js';

const master = { state: 'MASTER', priority: 250, effective_priority: 250 };
const backup = { state: 'BACKUP', priority: 240, effective_priority: 240 };

function host(name: string, fields: Partial<HostStatus> = {}): HostStatus {
  const address = name === 'lb1' ? '192.168.64.139' : '192.168.64.137';
  const instances = { VI_1: name === 'lb1' ? master : backup };
  return { name, address, reachable: true, haproxy: 'active', keepalived: 'active', instances, ...fields };
}

const healthy: ClusterStatus = {
  name: 'web',
  state: 'healthy',
  virtual_ips: [{ address: '192.168.64.200/24', instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
  hosts: [host('lb1'), host('lb2')],
  servers: [
    { backend: 'app', server: 'web1', address: '192.168.64.136:80', status: { lb1: 'UP', lb2: 'UP' } },
    {
      backend: 'app',
      server: 'web2',
      address: '192.168.64.134:80',
      status: { lb1: 'no check', lb2: 'no check' },
    },
  ],
  problems: [],
  notices: [],
};

const degraded: ClusterStatus = {
  ...healthy,
  state: 'degraded',
  virtual_ips: [{ address: '192.168.64.200/24', instance: 'VI_1', holders: ['lb2'], expected: 'lb1' }],
  hosts: [
    host('lb1', {
      haproxy: 'failed',
      instances: { VI_1: { state: 'FAULT', priority: 250, effective_priority: 0 } },
    }),
    host('lb2', { instances: { VI_1: { state: 'MASTER', priority: 240, effective_priority: null } } }),
  ],
  servers: [
    { backend: 'app', server: 'web1', address: '192.168.64.136:80', status: { lb2: 'UP' } },
    { backend: 'app', server: 'web2', address: '192.168.64.134:80', status: { lb1: 'UP', lb2: 'DOWN' } },
    { backend: 'app', server: 'web3', address: '192.168.64.133:80', status: {} },
  ],
  problems: [
    { code: 'haproxy_not_running', message: 'haproxy is failed\nsystemd: exit code 1', host: 'lb1' },
    { code: 'wrong_holder', message: '192.168.64.200 is on lb2', host: null },
  ],
};

const splitBrain: ClusterStatus = {
  ...healthy,
  state: 'split_brain',
  virtual_ips: [{ address: '192.168.64.200/24', instance: 'VI_1', holders: ['lb1', 'lb2'], expected: 'lb1' }],
  hosts: [host('lb1'), host('lb2', { instances: { VI_1: { ...backup, state: 'MASTER' } } })],
  problems: [{ code: 'several_holders', message: '192.168.64.200 is on lb1 and lb2', host: null }],
};

const unreachable: ClusterStatus = {
  ...healthy,
  state: 'unknown',
  virtual_ips: [{ address: '192.168.64.200/24', instance: 'VI_1', holders: [], expected: null }],
  hosts: [
    host('lb1', { instances: { VI_1: { state: null, priority: null, effective_priority: null } } }),
    host('lb2', { reachable: false, haproxy: null, keepalived: null, instances: {} }),
  ],
  servers: [{ backend: 'app', server: 'web1', address: '192.168.64.136:80', status: { lb1: 'UP' } }],
  problems: [{ code: 'host_unreachable', message: 'connection\x1b[2J refused', host: 'lb2' }],
};

const format = (...clusters: ClusterStatus[]) => formatStatus({ clusters }, { color: false });

describe('status in words', () => {
  test('healthy', () => {
    expect(format(healthy)).toMatchInlineSnapshot(`
      "web: healthy

        VIP 192.168.64.200/24  VI_1  held by lb1

        HOST  ADDRESS         HAPROXY  KEEPALIVED  VI_1
        lb1   192.168.64.139  active   active      MASTER 250
        lb2   192.168.64.137  active   active      BACKUP 240

        SERVER    ADDRESS            STATE
        app/web1  192.168.64.136:80  UP
        app/web2  192.168.64.134:80  no check"
    `);
  });

  test('degraded: another holder, differing priorities and servers', () => {
    expect(format(degraded)).toMatchInlineSnapshot(`
      "web: degraded (served, but one failure away from an outage)

        VIP 192.168.64.200/24  VI_1  held by lb2, expected on lb1

        HOST  ADDRESS         HAPROXY  KEEPALIVED  VI_1
        lb1   192.168.64.139  failed   active      FAULT 250, effective 0
        lb2   192.168.64.137  active   active      MASTER 240, effective unknown

        SERVER    ADDRESS            STATE
        app/web1  192.168.64.136:80  UP on lb2
        app/web2  192.168.64.134:80  UP on lb1; DOWN on lb2
        app/web3  192.168.64.133:80  unknown

        ! lb1: haproxy is failed [haproxy_not_running]
          systemd: exit code 1
        ! 192.168.64.200 is on lb2 [wrong_holder]
        hint: lbctl up repairs what it can; lbctl plan shows first what that would be"
    `);
  });

  test('split brain', () => {
    expect(format(splitBrain)).toMatchInlineSnapshot(`
      "web: split brain (a VIP on several hosts at once)

        VIP 192.168.64.200/24  VI_1  held by lb1 and lb2, expected on lb1

        HOST  ADDRESS         HAPROXY  KEEPALIVED  VI_1
        lb1   192.168.64.139  active   active      MASTER 250
        lb2   192.168.64.137  active   active      MASTER 240

        SERVER    ADDRESS            STATE
        app/web1  192.168.64.136:80  UP
        app/web2  192.168.64.134:80  no check

        ! 192.168.64.200 is on lb1 and lb2 [several_holders]
        hint: let VRRP (IP protocol 112) pass between the hosts: packet filters, switches, virtual_router_id"
    `);
  });

  test('an unreachable host beside a healthy cluster', () => {
    expect(format(unreachable, { ...healthy, name: 'db', servers: [] })).toMatchInlineSnapshot(`
      "web: unknown (too little could be seen)

        VIP 192.168.64.200/24  VI_1  held by none of the hosts that were reached

        HOST  ADDRESS         HAPROXY      KEEPALIVED  VI_1
        lb1   192.168.64.139  active       active      unknown
        lb2   192.168.64.137  unreachable

        SERVER    ADDRESS            STATE
        app/web1  192.168.64.136:80  UP on lb1

        ! lb2: connection\\x1b[2J refused [host_unreachable]
        hint: lbctl ping tells which hosts cannot be reached, and why

      db: healthy

        VIP 192.168.64.200/24  VI_1  held by lb1

        HOST  ADDRESS         HAPROXY  KEEPALIVED  VI_1
        lb1   192.168.64.139  active   active      MASTER 250
        lb2   192.168.64.137  active   active      BACKUP 240"
    `);
  });

  test('an instance that a host does not know', () => {
    const other = host('lb2', { instances: { VI_2: backup } });
    expect(format({ ...healthy, hosts: [host('lb1'), other] })).toMatch(
      /lb1 .* MASTER 250 +-\n.*lb2 .* - +BACKUP 240/,
    );
  });

  test('colours change nothing but colours', () => {
    for (const cluster of [healthy, degraded, splitBrain, unreachable]) {
      const colored = formatStatus({ clusters: [cluster] }, { color: true });
      expect(colored).toContain('\x1b[');
      expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(format(cluster));
    }
  });
});
