import { describe, expect, it } from 'vitest';
import type { ClusterStatus, HostStatus, Problem } from '../../../src/engine/documents.js';
import { sameStatus, statusChanges } from '../../../src/report/status-changes.js';

const host = (name: string, state: string, fields: Partial<HostStatus> = {}): HostStatus => ({
  name,
  address: '192.168.64.139',
  reachable: true,
  haproxy: 'active',
  keepalived: 'active',
  instances: { VI_1: { state, priority: 250, effective_priority: 250 } },
  ...fields,
});

const cluster = (fields: Partial<ClusterStatus> = {}): ClusterStatus => ({
  name: 'web',
  state: 'healthy',
  virtual_ips: [{ address: '192.168.64.200', instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
  hosts: [host('lb1', 'MASTER'), host('lb2', 'BACKUP')],
  servers: [
    { backend: 'app', server: 'web1', address: '192.168.64.136:80', status: { lb1: 'UP', lb2: 'UP' } },
  ],
  problems: [],
  notices: [],
  ...fields,
});

const held = (...holders: string[]) => [
  { address: '192.168.64.200', instance: 'VI_1', holders, expected: null },
];
const problem = (message: string): Problem => ({ code: 'log_packet', message, host: 'lb1' });
const document = (...clusters: ClusterStatus[]) => ({ clusters });

const changes = (before: Partial<ClusterStatus>, after: Partial<ClusterStatus>) =>
  statusChanges(document(cluster(before)), document(cluster(after)));

describe('what changed', () => {
  it('first says how things are', () => {
    expect(statusChanges(null, document(cluster({ problems: [problem('no')] })))).toEqual([
      'web: healthy',
      'web: VIP 192.168.64.200 held by lb1',
      'web: ! lb1: no [log_packet]',
    ]);
  });

  it.each<[string, Partial<ClusterStatus>, Partial<ClusterStatus>, string[]]>([
    ['nothing', {}, {}, []],
    ['the state', {}, { state: 'degraded' }, ['web: healthy -> degraded']],
    ['the holder', {}, { virtual_ips: held('lb2') }, ['web: VIP 192.168.64.200 held by lb2 (was lb1)']],
    [
      'two holders',
      {},
      { virtual_ips: held('lb1', 'lb2') },
      ['web: VIP 192.168.64.200 held by lb1 and lb2 (was lb1)'],
    ],
    ['no holder', {}, { virtual_ips: held() }, ['web: VIP 192.168.64.200 held by nobody (was lb1)']],
    [
      'a service and its instance',
      {},
      {
        hosts: [
          host('lb1', 'FAULT', {
            haproxy: 'failed',
            instances: { VI_1: { state: 'FAULT', priority: 250, effective_priority: null } },
          }),
          host('lb2', 'BACKUP'),
        ],
      },
      [
        'web: lb1: haproxy active -> failed',
        'web: lb1: VI_1 MASTER -> FAULT',
        'web: lb1: VI_1 effective priority 250 -> unknown',
      ],
    ],
    [
      'a host that is gone: nothing else of it',
      {},
      { hosts: [host('lb1', 'MASTER'), host('lb2', '', { reachable: false, haproxy: null, instances: {} })] },
      ['web: lb2: out of reach'],
    ],
    [
      'a host that is back',
      { hosts: [host('lb1', 'MASTER'), host('lb2', '', { reachable: false, haproxy: null, instances: {} })] },
      {},
      ['web: lb2: is back'],
    ],
    [
      'a server as one host sees it; a host that says nothing of it has not changed its mind',
      {},
      { servers: [{ backend: 'app', server: 'web1', address: '', status: { lb2: 'DOWN' } }] },
      ['web: lb2: server app/web1 UP -> DOWN'],
    ],
    ['a problem', {}, { problems: [problem('no')] }, ['web: ! lb1: no [log_packet]']],
    ['a problem less', { problems: [problem('no')] }, {}, ['web: over: lb1: no [log_packet]']],
    ['its age alone', { problems: [problem('for 3 s')] }, { problems: [problem('for 12 s')] }, []],
    [
      'one of two instances alike is well again',
      { problems: [problem('VI_1 is MASTER'), problem('VI_2 is MASTER')] },
      { problems: [problem('VI_2 is MASTER')] },
      ['web: over: lb1: VI_1 is MASTER [log_packet]'],
    ],
    [
      'another address, another port',
      {
        problems: [
          problem('10.0.0.100 left'),
          { code: 'port_taken', host: 'lb1', message: 'port 80 is taken' },
        ],
      },
      {
        problems: [
          problem('10.0.0.101 left'),
          { code: 'port_taken', host: 'lb1', message: 'port 443 is taken' },
        ],
      },
      [
        'web: ! lb1: 10.0.0.101 left [log_packet]',
        'web: ! lb1: port 443 is taken [port_taken]',
        'web: over: lb1: 10.0.0.100 left [log_packet]',
        'web: over: lb1: port 80 is taken [port_taken]',
      ],
    ],
    [
      'how often and how long ago, and what was counted',
      { problems: [problem('(once, last 0 s ago): (VI_1) ip number count 2, expected 1!')] },
      { problems: [problem('(12 times, last 3 s ago): (VI_1) ip number count 3, expected 1!')] },
      [],
    ],
    [
      'a day less',
      { problems: [{ code: 'certificate_expires', host: 'lb1', message: '/a.pem expires in 2 days' }] },
      { problems: [{ code: 'certificate_expires', host: 'lb1', message: '/a.pem expires in 1 day' }] },
      [],
    ],
    ['a notice', {}, { notices: [problem('once')] }, ['web: note: lb1: once [log_packet]']],
    ['a notice less', { notices: [problem('once')] }, {}, []],
    [
      'what hosts send, on one line and harmless',
      {},
      { problems: [problem('a\nb\x1b[2J')] },
      ['web: ! lb1: a\\nb\\x1b[2J [log_packet]'],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(changes(before, after)).toEqual(expected);
  });

  it('says of which cluster', () => {
    const [a, b] = [cluster(), cluster({ name: 'mail' })];
    expect(statusChanges(document(a, b), document(a, { ...b, state: 'down' }))).toEqual([
      'mail: healthy -> down',
    ]);
  });
});

describe('the same', () => {
  it.each<[Partial<ClusterStatus>, boolean]>([
    [{}, true],
    [{ problems: [problem('for 9 s')] }, true],
    [{ problems: [problem('for 9 min')] }, false],
    [{ state: 'down' }, false],
    [{ virtual_ips: held('lb2') }, false],
  ])('%j: %s', (fields, same) => {
    const before = document(cluster({ problems: [problem('for 3 s')] }));
    expect(sameStatus(before, document(cluster({ problems: [problem('for 3 s')], ...fields })))).toBe(same);
  });
});
