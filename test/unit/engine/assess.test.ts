import { describe, expect, it } from 'vitest';
import { assess } from '../../../src/engine/assess.js';
import type { Changes } from '../support/model.js';
import { builtPair, observations } from '../support/observed.js';
import type { SimulatedPair } from '../support/simulated-pair.js';

const VIP = '10.0.0.100';
const dump = (state: number, effective: number, base = effective) =>
  `json\n${JSON.stringify([{ data: { iname: 'VI_1', state, vrid: 51, base_priority: base, effective_priority: effective } }])}\n`;
const service = (pair: SimulatedPair, host: string, name: 'haproxy' | 'keepalived') => {
  const found = pair.host(host).services.get(name);
  if (found === undefined) throw new Error(`${name} is not there`);
  return found;
};
const unreachable = (pair: SimulatedPair, host: string) =>
  pair.refused.set(host, new Error('connection refused'));
const csv = (...statuses: string[]) =>
  `HTTP/1.1 200 OK\r\n\r\n# pxname,svname,status,addr\nmain,FRONTEND,OPEN,\n${statuses.map((it, index) => `app,web${index + 1},${it},10.0.0.2${index + 1}:80\n`).join('')}\nrc=0\n`;

async function status(spoil: (pair: SimulatedPair) => void, ...changes: Changes) {
  const pair = await builtPair(...changes);
  spoil(pair);
  return assess(pair.cluster, observations(pair));
}

/** What happened, what the pair is called then, and what is said of which host. */
describe('a pair', () => {
  it.each<[what: string, spoil: (pair: SimulatedPair) => void, state: string, problems: string[]]>([
    ['as it should be', () => {}, 'healthy', []],
    ['standby unreachable', (pair) => unreachable(pair, 'lb2'), 'degraded', ['lb2 host_unreachable']],
    [
      'active unreachable, and nobody who can be asked holds the address',
      (pair) => {
        unreachable(pair, 'lb1');
        pair.host('lb2').serves = false;
        pair.host('lb2').odd.set('keepalived-state', dump(1, 240));
      },
      'unknown',
      ['lb1 host_unreachable', 'null no_holder', 'lb2 haproxy_not_serving'],
    ],
    [
      'active unreachable, the standby has taken over',
      (pair) => unreachable(pair, 'lb1'),
      'degraded',
      ['lb1 host_unreachable'],
    ],
    [
      'both unreachable',
      (pair) => ['lb1', 'lb2'].map((it) => unreachable(pair, it)),
      'unknown',
      ['lb1 host_unreachable', 'lb2 host_unreachable', 'null no_holder'],
    ],
    [
      'split brain',
      (pair) => {
        pair.host('lb2').extra.push(VIP);
        pair.host('lb2').odd.set('keepalived-state', dump(2, 240));
      },
      'split_brain',
      ['null split_brain'],
    ],
    [
      'keepalived stopped on both: nobody holds it',
      (pair) => {
        for (const host of ['lb1', 'lb2']) service(pair, host, 'keepalived').active = 'inactive';
      },
      'down',
      ['null no_holder', 'lb1 keepalived_not_running', 'lb2 keepalived_not_running'],
    ],
    [
      'HAProxy hangs on the holder',
      (pair) => {
        // FAULT has not come yet: the holder still shows the address.
        pair.host('lb1').odd.set('haproxy-stats:8405', '\nrc=124\n');
      },
      'down',
      ['lb1 wrong_holder', 'lb1 haproxy_not_serving'],
    ],
    [
      'HAProxy dead on the first host: FAULT, the other one serves',
      (pair) => {
        service(pair, 'lb1', 'haproxy').active = 'failed';
      },
      'degraded',
      ['lb1 vrrp_fault', 'lb1 haproxy_not_running'],
    ],
    [
      'effective priority lowered by a check',
      (pair) => pair.host('lb2').odd.set('keepalived-state', dump(1, 180, 240)),
      'degraded',
      ['lb2 priority_lowered'],
    ],
    [
      'running with another priority than the inventory says',
      (pair) => pair.host('lb2').odd.set('keepalived-state', dump(1, 90)),
      'degraded',
      ['lb2 priority_differs'],
    ],
    [
      'keepalived without the instance',
      (pair) => pair.host('lb2').odd.set('keepalived-state', 'json\n[]\n'),
      'degraded',
      ['lb2 instance_missing'],
    ],
    [
      'wrong holder',
      (pair) => {
        const odd = { network: pair.host('lb1').answer('network', '').stdout.replace(VIP, '10.0.0.99') };
        pair.host('lb1').odd.set('network', odd.network);
        pair.host('lb1').odd.set('keepalived-state', dump(1, 250));
        pair.host('lb2').extra.push(VIP);
        pair.host('lb2').odd.set('keepalived-state', dump(2, 240));
      },
      'degraded',
      ['lb2 wrong_holder'],
    ],
    [
      'a service that would not come back after a reboot',
      (pair) => {
        service(pair, 'lb2', 'haproxy').enabled = 'disabled';
      },
      'degraded',
      ['lb2 service_not_enabled'],
    ],
    [
      'a check that fails though HAProxy serves',
      (pair) => pair.host('lb2').odd.set('check-run:1', 'it fails with exit code 1\n'),
      'degraded',
      ['lb2 check_failing'],
    ],
    [
      'an old configuration, without the frontend',
      (pair) => pair.host('lb2').odd.set('haproxy-stats:8405', csv('UP', 'UP').replace('main,', 'other,')),
      'degraded',
      ['lb2 frontend_missing'],
    ],
    [
      'one server down',
      (pair) => pair.host('lb1').odd.set('haproxy-stats:8405', csv('UP', 'DOWN')),
      'degraded',
      ['lb1 server_down'],
    ],
    [
      'every server down, for the holder',
      (pair) => pair.host('lb1').odd.set('haproxy-stats:8405', csv('DOWN', 'MAINT')),
      'down',
      ['lb1 no_server_up'],
    ],
    [
      'every server down, for the standby alone',
      (pair) => pair.host('lb2').odd.set('haproxy-stats:8405', csv('DOWN', 'DOWN')),
      'degraded',
      ['lb2 server_down'],
    ],
    [
      'servers that are not checked, or draining',
      (pair) => pair.host('lb1').odd.set('haproxy-stats:8405', csv('no check', 'UP 1/3')),
      'healthy',
      [],
    ],
    [
      'keepalived that does not answer',
      (pair) => pair.host('lb2').odd.set('keepalived-state', { exitCode: 1, stderr: 'no dump' }),
      'degraded',
      ['lb2 unknown_fact'],
    ],
    [
      'interfaces of the standby that could not be read',
      (pair) => pair.host('lb2').odd.set('network', ''),
      'degraded',
      ['lb2 unknown_fact'],
    ],
    [
      'interfaces of the holder that could not be read',
      (pair) => pair.host('lb1').odd.set('network', ''),
      'unknown',
      ['null no_holder', 'lb1 unknown_fact'],
    ],
  ])('%s', async (_, spoil, state, problems) => {
    const found = await status(spoil);
    expect(found.problems.map((it) => `${it.host} ${it.code}`).sort()).toEqual([...problems].sort());
    expect(found.state).toBe(state);
    // Healthy is what nothing can be said against.
    expect(found.state === 'healthy').toBe(found.problems.length === 0);
  });

  it('without preempt any single holder is the right one', async () => {
    const nopreempt = ['virtual_ipaddress: [10', 'preempt: false\n        virtual_ipaddress: [10'] as const;
    const found = await status((pair) => {
      pair
        .host('lb1')
        .odd.set('network', pair.host('lb1').answer('network', '').stdout.replace(VIP, '10.0.0.99'));
      pair.host('lb1').odd.set('keepalived-state', dump(1, 250));
      pair.host('lb2').extra.push(VIP);
      pair.host('lb2').odd.set('keepalived-state', dump(2, 240));
    }, nopreempt);
    expect(found).toMatchObject({ state: 'healthy', virtual_ips: [{ holders: ['lb2'], expected: 'lb2' }] });
  });
});

describe('the document of a pair', () => {
  it('is complete where everything is known', async () => {
    expect(await status(() => {})).toEqual({
      name: 'web',
      state: 'healthy',
      virtual_ips: [{ address: VIP, instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
      hosts: [
        {
          name: 'lb1',
          address: '10.0.0.11',
          reachable: true,
          haproxy: 'active',
          keepalived: 'active',
          instances: { VI_1: { state: 'MASTER', priority: 250, effective_priority: 250 } },
        },
        {
          name: 'lb2',
          address: '10.0.0.12',
          reachable: true,
          haproxy: 'active',
          keepalived: 'active',
          instances: { VI_1: { state: 'BACKUP', priority: 240, effective_priority: 240 } },
        },
      ],
      servers: [
        { backend: 'app', server: 'web1', address: '10.0.0.21:80', status: { lb1: 'UP', lb2: 'UP' } },
        { backend: 'app', server: 'web2', address: '10.0.0.22:80', status: { lb1: 'UP', lb2: 'UP' } },
      ],
      problems: [],
      notices: [],
    });
  });

  it('says null for what is not known, never a guess', async () => {
    const { hosts, servers, virtual_ips } = await status((pair) => unreachable(pair, 'lb2'));
    expect(hosts[1]).toMatchObject({ reachable: false, haproxy: null, keepalived: null });
    expect(hosts[1]?.instances.VI_1).toMatchObject({ state: null, effective_priority: null });
    expect(servers[0]?.status).toEqual({ lb1: 'UP' });
    expect(virtual_ips[0]?.holders).toEqual(['lb1']);
  });
});
