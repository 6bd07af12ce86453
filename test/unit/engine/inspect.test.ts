import { describe, expect, it } from 'vitest';
import { inspection } from '../../../src/engine/inspect.js';
import { certificateProblems } from '../../../src/engine/inspect-hosts.js';
import { FLIP_MARK, KEEPALIVED_CONF } from '../../../src/render/platform.js';
import { upPlaybook } from '../support/converge.js';
import { edit, inspected, type Odd, told } from '../support/inspected.js';
import type { SimulatedPair } from '../support/simulated-pair.js';

const VIP = '10.0.0.100';
const STRANGER = '02:00:00:00:00:99';
const CONFIG = `file:${KEEPALIVED_CONF}`;

const look = (spoil: (pair: SimulatedPair) => void, odd: Odd = {}) =>
  inspected((cluster) => inspection(cluster, upPlaybook()), spoil, odd);

/** What lb2 says of its own; `lingering` is on lo for a moment. */
const interfaces = (mac: string, lingering?: string) =>
  JSON.stringify([
    {
      ifname: 'lo',
      addr_info: lingering === undefined ? [] : [{ local: lingering, prefixlen: 32, dynamic: true }],
    },
    {
      ifname: 'eth0',
      address: mac,
      flags: ['UP', 'LOWER_UP'],
      addr_info: [{ local: '10.0.0.12', prefixlen: 24 }],
    },
  ]);

const lock = (renewed: string, command = 'lbctl up') =>
  `token=x\nwho=ann@pc\ncommand=${command}\nsince=2026-01-01T00:00:00Z\nage=${renewed}\nstep=no\n`;

describe('status', () => {
  it.each<[string, (pair: SimulatedPair) => void, Odd, string, string[]]>([
    ['of a pair as it should be', () => {}, {}, 'healthy', []],
    [
      'a stranger answers while a host holds it',
      () => {},
      { 'lb1 answering': `answers ${VIP} ${STRANGER}\nend\n` },
      'split_brain',
      ['null foreign_holder'],
    ],
    [
      'a host of the cluster answers for what it does not hold',
      () => {},
      { 'lb1 answering': `answers ${VIP} 02:00:00:00:00:02\nend\n` },
      'split_brain',
      ['lb2 answers_without_address'],
    ],
    [
      'a MAC address that two hosts have in common',
      () => {},
      { 'lb2 network': interfaces('02:00:00:00:00:01') },
      'healthy',
      [],
    ],
    [
      'an address that has just left a host, which still takes its packets',
      () => {},
      {
        'lb1 answering': `answers ${VIP} 02:00:00:00:00:02\nend\n`,
        'lb2 network': interfaces('02:00:00:00:00:02', VIP),
      },
      'healthy',
      [],
    ],
    [
      'the holder lost its address, by hand',
      (pair) => {
        const lb1 = pair.host('lb1');
        Object.defineProperty(lb1, 'held', { value: [] });
      },
      { 'lb2 answering': 'end\n' },
      'down',
      ['null no_holder', 'lb1 master_without_address'],
    ],
    [
      'unit files that systemd has not read',
      (pair) => {
        const said = pair.host('lb1').answer('service:haproxy', '').stdout;
        pair
          .host('lb1')
          .odd.set('service:haproxy', said.replace('NeedDaemonReload=no', 'NeedDaemonReload=yes'));
      },
      {},
      'degraded',
      ['lb1 daemon_reload_needed'],
    ],
    [
      'an edited configuration',
      (pair) => edit(pair, 'lb2', KEEPALIVED_CONF, (it) => it.replace('interval 1', 'interval 5')),
      {},
      'degraded',
      ['lb2 config_differs'],
    ],
    [
      'keepalived refuses what it hears',
      () => {},
      { 'lb2 complaints': 'now 1000.0\n999.0 lb2 Keepalived_vrrp[1]: (VI_1) received an invalid passwd!\n' },
      'degraded',
      ['lb2 log_packet'],
    ],
    [
      'keepalived thinks nothing of its configuration, since it read it',
      () => {},
      {
        'lb2 complaints': "now 1000.0\n999.9 lb2 Keepalived[1]: (/etc/k.conf: Line 3) Unknown keyword 'x'\n",
      },
      'degraded',
      ['lb2 log_configuration'],
    ],
    [
      'the check is too slow',
      () => {},
      { 'lb2 complaints': 'now 1000.0\n999.0 lb2 Keepalived_vrrp[1]: Track script x is being timed out\n' },
      'degraded',
      ['lb2 log_script'],
    ],
    [
      'a run that ended without a word',
      () => {},
      { 'lb2 lock-look': lock('600') },
      'degraded',
      ['lb2 change_interrupted'],
    ],
    [
      'a standby that waits for the others, after a change that was left half done',
      (pair) => {
        const host = pair.host('lb2');
        host.files.set(FLIP_MARK, { content: '', mode: '644', owner: 'root', group: 'root', written: 1 });
        const service = host.services.get('keepalived');
        if (service !== undefined) service.active = 'inactive';
      },
      {},
      'degraded',
      ['lb2 keepalived_not_running', 'lb2 waits_for_the_others'],
    ],
    [
      'a file written after the process read it',
      (pair) => {
        const file = pair.host('lb1').files.get('/etc/haproxy/haproxy.cfg');
        const host = pair.host('lb1');
        host.now += 60;
        if (file !== undefined) file.written = host.now;
      },
      {},
      'degraded',
      ['lb1 runs_older_config'],
    ],
    [
      'nothing can be said of the addresses',
      () => {},
      { 'lb1 answering': '', 'lb2 answering': '' },
      'degraded',
      ['lb1 unknown_fact', 'lb2 unknown_fact'],
    ],
    [
      'an address left behind',
      (pair) => {
        pair.host('lb2').extra.push(VIP);
      },
      {},
      'split_brain',
      ['null split_brain', 'lb2 stale_holder'],
    ],
  ])('%s', async (_, spoil, odd, state, problems) => {
    const found = await look(spoil, odd);
    expect(told(found)).toEqual(problems);
    expect(found.state).toBe(state);
  });

  it('the MAC address of a host out of reach is no stranger for sure', async () => {
    const spoil = (pair: SimulatedPair) => {
      pair.refused.set('lb1', new Error('gone'));
      pair.host('lb2').serves = false;
    };
    const found = await look(spoil, { 'lb2 answering': `answers ${VIP} ${STRANGER}\nend\n` });
    expect(told(found)).toContain('null held_out_of_reach');
    expect(told(found)).not.toContain('null foreign_holder');
  });

  it.each([
    ['a run under way', { 'lb2 lock-look': lock('3') }, 'change_in_progress'],
    ['a drill that was killed', { 'lb2 lock-look': lock('600', 'lbctl drill') }, 'drill_interrupted'],
    [
      'what keepalived complained of an hour ago',
      { 'lb2 complaints': 'now 5000.0\n999.0 lb2 Keepalived_vrrp[1]: (VI_1) received an invalid passwd!\n' },
      'log_packet',
    ],
    [
      'a complaint of a configuration that was read anew since',
      {
        'lb2 complaints':
          "now 100000.0\n999.0 lb2 Keepalived_vrrp[1]: (/etc/k.conf: Line 3) Unknown keyword 'x'\n",
      },
      'log_configuration',
    ],
    [
      'a check that was too slow once',
      { 'lb2 complaints': 'now 5000.0\n999.0 lb2 Keepalived_vrrp[1]: Track script x is being timed out\n' },
      'log_script',
    ],
    ['no journal', { 'lb1 complaints': 'none\n' }, 'no_journal'],
    [
      'one answer at most',
      {
        'lb1 answering': `unasked ${VIP}\nend\n`,
        'lb2 answering': `single ${VIP}\nanswers ${VIP} 02:00:00:00:00:01\nend\n`,
      },
      'answers_not_counted',
    ],
    [
      'nobody could count',
      { 'lb1 answering': `unasked ${VIP}\nend\n`, 'lb2 answering': `unasked ${VIP}\nend\n` },
      'answers_not_counted',
    ],
  ])('%s is a note', async (_, odd, code) => {
    const found = await look(() => {}, odd);
    expect(found.state).toBe('healthy');
    expect(found.notices.map((it) => it.code)).toEqual([code]);
  });

  it('compares passwords without knowing them, and shows none', async () => {
    const spoil = (pair: SimulatedPair) => {
      for (const host of ['lb1', 'lb2'])
        edit(pair, host, KEEPALIVED_CONF, (it) =>
          it.replace(
            'virtual_ipaddress {',
            `authentication {\n auth_pass word-${host}\n }\n virtual_ipaddress {`,
          ),
        );
    };
    const found = await look(spoil);
    expect(told(found)).toEqual(['lb1 config_differs', 'lb2 config_differs']);
    expect(JSON.stringify(found)).not.toContain('word-');
    expect(CONFIG).toContain('keepalived.conf');
  });
});

const DAY = 86_400;

it.each([
  [14 * DAY + 1, []],
  [14 * DAY, ['certificate_expires: certificate /s.pem expires in 14 days: replace it and reload HAProxy']],
  [60, ['certificate_expires: certificate /s.pem expires in less than a day: replace it and reload HAProxy']],
  [-DAY, ['certificate_expired: certificate /s.pem expired 1 day ago: replace it and reload HAProxy']],
])('a certificate with %i seconds left', (expiresIn, expected) => {
  const files = [{ path: '/s.pem', use: 'own' as const, expiresIn }];
  const { problems } = certificateProblems('lb1', { files, unresolved: [] }, []);
  expect(problems.map(({ code, message }) => `${code}: ${message}`)).toEqual(expected);
});

it('an intermediate certificate counts as well; what leads to no file is a note', () => {
  const files = [
    { path: '/s.pem', use: 'own' as const, expiresIn: 90 * DAY },
    { path: '/s.pem', use: 'chain' as const, expiresIn: 5 * DAY },
  ];
  const found = certificateProblems('lb1', { files, unresolved: ['b.pem in /list'] }, ['crt a.pem']);
  expect(found.problems).toEqual([
    {
      code: 'certificate_expires',
      message: 'an intermediate certificate in /s.pem expires in 5 days: replace it and reload HAProxy',
      host: 'lb1',
    },
  ]);
  expect(found.notes.map(({ code, message }) => `${code} ${message.split(':')[0]}`)).toEqual([
    'certificate_not_looked_at `crt a.pem`',
    'certificate_not_looked_at `b.pem in /list`',
  ]);
});
