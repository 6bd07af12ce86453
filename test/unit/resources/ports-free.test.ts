import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderHaproxy } from '../../../src/render/haproxy.js';
import { isBound, portsFree, wantedPorts } from '../../../src/resources/ports-free.js';
import { listenersProbe } from '../../../src/resources/probes/listeners.js';
import { clusterOf } from '../support/model.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const cluster = clusterOf(
  ['bind: [80]', 'bind: [80, "[2001:db8:0:0::7]:8443"]'],
  ['      frontends:\n', '      stats: { bind: "10.0.0.100:8404" }\n      frontends:\n'],
);

/** Asks right before a reload, on a host where `ss` prints that. */
function ask(
  ss: string,
  { shell = '/bin/sh', content = renderHaproxy(cluster, 'el'), ssFails = false } = {},
) {
  const folder = temporaryFolder();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, content);
  writeFileSync(join(folder, 'listening'), ss);
  writeFileSync(join(folder, 'ss'), ssFails ? '#!/bin/sh\nexit 1\n' : `#!/bin/sh\ncat ${folder}/listening\n`);
  chmodSync(join(folder, 'ss'), 0o755);
  return runShell(portsFree(cluster, file), { shell, path: folder });
}

const line = (local: string, program: string | null) =>
  `LISTEN 0 128 ${local} 0.0.0.0:*${program === null ? '' : ` users:(("${program}",pid=7,fd=3))`}\n`;

describe.each(['dash', 'bash'])(
  'the ports of the new configuration, asked by %s before the reload',
  (shell) => {
    it.each([
      ['HAProxy itself', line('10.0.0.100:80', 'haproxy'), null],
      ['another port', line('0.0.0.0:8081', 'nginx'), null],
      ['another address', line('10.0.0.11:80', 'nginx'), null],
      ['all addresses', line('0.0.0.0:80', 'nginx'), 'port 80 is taken by nginx, which listens on 0.0.0.0'],
      ['both families', line('*:80', 'httpd'), 'port 80 is taken by httpd, which listens on *'],
      [
        'the address itself',
        line('10.0.0.100:80', 'nginx'),
        'port 80 is taken by nginx, which listens on 10.0.0.100',
      ],
      [
        'an IPv6 address',
        line('[2001:db8::7]:8443', 'caddy'),
        'port 8443 is taken by caddy, which listens on 2001:db8::7',
      ],
      [
        'the port of the statistics',
        line('10.0.0.100:8404', 'exporter'),
        'port 8404 is taken by exporter, which listens on 10.0.0.100',
      ],
      ['a program nobody names', line('0.0.0.0:80', null), 'port 80 is taken by another program'],
      ['a device behind the address', line('0.0.0.0%eth0:80', 'dhcpd'), 'port 80 is taken by dhcpd'],
    ])('held by %s', (_, ss, expected) => {
      const { exitCode, stderr } = ask(line('127.0.0.1:22', 'sshd') + ss, { shell });
      if (expected === null) expect([exitCode, stderr]).toEqual([0, '']);
      else {
        expect(exitCode).toBe(1);
        expect(stderr).toContain(expected);
        expect(stderr.trim().split('\n')).toHaveLength(1);
      }
    });

    it('an older file that is put back is not asked about the new ports', () => {
      expect(ask(line('0.0.0.0:80', 'nginx'), { shell, content: 'defaults\n' }).exitCode).toBe(0);
    });

    it('not known who listens: not reloaded', () => {
      const { exitCode, stderr } = ask('', { shell, ssFails: true });
      expect([exitCode, stderr]).toEqual([
        1,
        'ss -Hltnp failed: who listens is not known, nothing was reloaded\n',
      ]);
    });
  },
);

it('a port whose address is not told in a haproxy.cfg of the operator accuses nobody', () => {
  const loaded = {
    text: '',
    binds: [
      { address: '10.0.0.100', port: 80 },
      { address: null, port: 81 },
    ],
  };
  const configFile = { path: '/own.cfg', source: cluster.source, loaded };
  expect(wantedPorts({ ...cluster, haproxy: { ...cluster.haproxy, configFile } })).toEqual([
    { address: '127.0.0.1', port: 8405 },
    { address: '10.0.0.100', port: 80 },
  ]);
});

it.each([
  ['all that it is going to', {}, true],
  ['not on one of them', { '10.0.0.100:8404': null }, false],
  ['on one of them at another address', { '10.0.0.100:80': '10.0.0.11:80' }, false],
  ['on all addresses, which another listener may share', { '10.0.0.100:80': '0.0.0.0:80' }, false],
])(
  'HAProxy listens already where it is going to: %s',
  (_, others: Record<string, string | null>, expected) => {
    const places = ['127.0.0.1:8405', '10.0.0.100:80', '10.0.0.100:8404', '[2001:db8::7]:8443'];
    const printed = places
      .map((it) => (it in others ? (others[it] ?? null) : it))
      .map((it) => (it === null ? '' : line(it, 'haproxy')));
    const listeners = (stdout: string) => {
      const parsed = listenersProbe.parse({ stdout, stderr: '', exitCode: 0 });
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    };
    expect(isBound(cluster, listeners(printed.join('')))).toBe(expected);
    expect(isBound(cluster, listeners(printed.join('').replaceAll('haproxy', 'nginx')))).toBe(false);
  },
);
