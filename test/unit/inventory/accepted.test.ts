// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the inventory's own syntax
import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/inventory/model.js';
import { accepted, BASE, change, complaints } from './helpers.js';

function cluster(text: string): Cluster {
  const [first] = accepted(text).clusters;
  if (first === undefined) throw new Error('no cluster');
  return first;
}

const ssh = (text: string) => cluster(text).hosts.map((host) => host.ssh);

describe('the smallest inventory', () => {
  const read = cluster(BASE);

  it('has the defaults for the system and the check', () => {
    expect(read.system).toEqual({
      firewall: 'disable',
      selinux: 'disabled',
      packages: { haproxy: 'present', keepalived: 'present' },
    });
    expect(read.check).toEqual({ port: 8405, interval: 1, timeout: 1, fall: 2, rise: 2, weight: 0 });
    expect(read.verify).toEqual({ url: null, status: null });
    expect(read.drill).toEqual({ from: null });
  });

  it('has hosts that SSH reaches at their address, as ssh would', () => {
    expect(read.hosts[0]).toEqual({
      name: 'lb1',
      cluster: 'web',
      address: '192.168.64.139',
      interface: null,
      ssh: {
        user: null,
        hostname: '192.168.64.139',
        port: null,
        identityFile: null,
        knownHostsFile: null,
        strictHostKeyChecking: null,
        proxyJump: null,
        connectTimeout: null,
        become: { method: 'sudo', password: null },
      },
      source: { file: 'inventory.yaml', line: 4, column: 7, length: 3 },
    });
  });

  it('has the defaults for VRRP', () => {
    expect(read.vrrpInstances[0]).toEqual({
      name: 'VI_1',
      interface: null,
      virtualRouterId: 51,
      advertInt: 1,
      version: 2,
      authPass: null,
      preempt: true,
      preemptDelay: 0,
      unicast: false,
      priority: { lb1: 250, lb2: 240 },
      virtualIpaddress: [
        {
          address: '192.168.64.200',
          family: 4,
          prefix: 24,
          source: { file: 'inventory.yaml', line: 8, column: 29, length: 17 },
        },
      ],
      source: { file: 'inventory.yaml', line: 7, column: 7, length: 4 },
    });
  });

  it('has the defaults for HAProxy', () => {
    expect(read.haproxy).toMatchObject({
      configFile: null,
      global: [],
      defaults: [],
      stats: null,
      frontends: [{ name: 'main', mode: 'http', acl: [], useBackend: [], defaultBackend: 'app', lines: [] }],
      backends: [{ name: 'app', mode: 'http', balance: 'roundrobin', option: [], lines: [] }],
    });
    expect(read.haproxy.frontends[0]?.bind).toMatchObject([
      { address: null, port: 80, options: '', ssl: false },
    ]);
    expect(read.haproxy.backends[0]?.servers).toMatchObject([
      { name: 'web1', address: '192.168.64.136:80', options: '', check: true },
      { name: 'web2', address: '192.168.64.134:80', options: '', check: true },
    ]);
  });
});

describe('values', () => {
  const instance = (line: string) =>
    cluster(change('        virtual_ipaddress', `        ${line}\n        virtual_ipaddress`))
      .vrrpInstances[0];
  const bind = (text: string) => cluster(change('bind: [80]', `bind: [${text}]`)).haproxy.frontends[0]?.bind;

  it.each(['yes', 'true', '"yes"'])('%s is true', (text) => {
    expect(instance(`preempt: ${text}`)?.preempt).toBe(true);
  });

  it.each(['no', 'false', "'no'"])('%s is false', (text) => {
    expect(instance(`preempt: ${text}`)?.preempt).toBe(false);
  });

  it('advert_int below 1 selects version 3', () => {
    expect(instance('advert_int: 0.1')).toMatchObject({ advertInt: 0.1, version: 3 });
    expect(instance('advert_int: 0.29')).toMatchObject({ advertInt: 0.29, version: 3 });
    expect(instance('advert_int: 1')).toMatchObject({ advertInt: 1, version: 2 });
    expect(instance('advert_int: 2.0')).toMatchObject({ advertInt: 2, version: 2 });
  });

  it('0123456 stays a password', () => {
    const ref = instance('auth_pass: 0123456')?.authPass;
    expect(ref?.kind === 'literal' && ref.value.reveal()).toBe('0123456');
  });

  it('a password is never shown by the model', () => {
    expect(JSON.stringify(instance('auth_pass: geheim12'))).not.toContain('geheim12');
  });

  it('hosts that a priority map leaves out have their default', () => {
    expect(instance('priority: { lb1: 100 }')?.priority).toEqual({ lb1: 100, lb2: 240 });
  });

  it.each(['"*:80", "[::]:80 v6only"', '"*:80", "[2001:db8::7]:80"'])('each family by itself: %s', (text) => {
    expect(complaints(change('bind: [80]', `bind: [${text}]`))).toEqual([]);
  });

  it('binds of all forms', () => {
    expect(
      bind('80, "192.168.64.200:81", "*:82", ":83", "0.0.0.0:84", "443 ssl crt /etc/haproxy/site.pem"'),
    ).toMatchObject([
      { address: null, port: 80 },
      { address: '192.168.64.200', port: 81 },
      { address: '*', port: 82 },
      { address: '*', port: 83 },
      { address: '*', port: 84 },
      { address: null, port: 443, options: 'ssl crt /etc/haproxy/site.pem', ssl: true },
    ]);
  });

  it('one port on two virtual addresses', () => {
    const text = change('192.168.64.200/24', '192.168.64.200/24, 192.168.64.201/24');
    expect(
      complaints(change('bind: [80]', 'bind: ["192.168.64.200:80", "192.168.64.201:80"]', text)),
    ).toEqual([]);
  });

  it.each([
    '"[2001:db8::1]:80"',
    'web1.example.net:80',
    '127.0.0.1:8080',
    '{ address: "10.0.0.1:80", options: "no-check" }',
  ])('the server %s', (server) => {
    expect(complaints(change('"192.168.64.136:80"', server))).toEqual([]);
  });

  it('no-check in the options', () => {
    const text = change('"192.168.64.136:80"', '{ address: "10.0.0.1:80", options: "weight 3 no-check" }');
    expect(cluster(text).haproxy.backends[0]?.servers[0]).toMatchObject({
      check: false,
      options: 'weight 3 no-check',
    });
  });

  it.each(['leastconn', 'uri depth 3', 'url_param id', 'hdr(Host)', 'random(2)', 'rdp-cookie', 'source'])(
    'balance %s',
    (balance) => {
      const read = cluster(change('app: { servers', `app: { balance: "${balance}", servers`));
      expect(read.haproxy.backends[0]?.balance).toBe(balance);
    },
  );

  it('a dynamic use_backend', () => {
    expect(complaints(change('bind: [80]', 'bind: [80], use_backend: ["%[req.hdr(host),lower]"]'))).toEqual(
      [],
    );
  });

  it('quotes, escapes and comments that end on their line', () => {
    const lines = `lines: ['http-request deny if { path "/a b" } # why', "acl x hdr(a) -m str a\\\\ b", "log-format \\"%ci '\\""]`;
    expect(complaints(change('bind: [80]', `bind: [80], ${lines}`))).toEqual([]);
  });

  it('a VIP off the subnet with an interface, or with /32', () => {
    expect(complaints(change('192.168.64.200/24', '10.1.1.1/32'))).toEqual([]);
    const text = change('192.168.64.200/24', '10.1.1.1/24');
    expect(complaints(change('      VI_1:\n', '      VI_1:\n        interface: eth1\n', text))).toEqual([]);
    expect(
      complaints(
        change(
          'lb1: 192.168.64.139\n      lb2: 192.168.64.137',
          'lb1: { address: 192.168.64.139, interface: eth1 }\n      lb2: { address: 192.168.64.137, interface: eth1 }',
          text,
        ),
      ),
    ).toEqual([]);
  });
});

describe('ssh', () => {
  it("a host's block wins over the cluster's, and that over the inventory's, key by key", () => {
    const text = change(
      '    hosts:\n      lb1: 192.168.64.139',
      '    ssh: { user: cluster, port: 22 }\n    hosts:\n      lb1: { address: 192.168.64.139, ssh: { port: 2222, hostname: 10.0.0.3 } }',
      change(
        'clusters:\n',
        'ssh: { user: all, port: 1, connect_timeout: 3, strict_host_key_checking: no }\nclusters:\n',
      ),
    );
    expect(ssh(text)).toMatchObject([
      { user: 'cluster', port: 2222, hostname: '10.0.0.3', connectTimeout: 3, strictHostKeyChecking: 'no' },
      { user: 'cluster', port: 22, hostname: '192.168.64.137', connectTimeout: 3 },
    ]);
  });

  it('null sets a key back', () => {
    const text = change(
      '  web:\n',
      '  web:\n    ssh: { user: null }\n',
      change('clusters:\n', 'ssh: { user: all }\nclusters:\n'),
    );
    expect(ssh(text)[0]?.user).toBeNull();
  });

  it.each([
    ['keys/id', '/srv/lb/keys/id'],
    ['~/.ssh/id', '/home/op/.ssh/id'],
    ['/etc/id', '/etc/id'],
  ])('the path %s is %s', (written, path) => {
    expect(
      ssh(change('clusters:\n', `ssh: { identity_file: ${written} }\nclusters:\n`))[0]?.identityFile,
    ).toBe(path);
  });
});

describe('environment, anchors and merges', () => {
  it('puts variables in once', () => {
    const text = change('bind: [80]', 'bind: ["${PORT}", "${NONE:-81}"], lines: ["# $$ ${DOLLAR} $x"]');
    const [frontend] = cluster(text).haproxy.frontends;
    expect(frontend?.bind.map(({ port }) => port)).toEqual([8080, 81]);
    expect(frontend?.lines).toEqual(['# $ ${PORT} $x']);
  });

  it('does not look for variables in comments and in what nobody uses', () => {
    expect(complaints(change('clusters:\n', '# ${NONE}\nx-unused: ${NONE}\nclusters:\n'))).toEqual([]);
  });

  it('a literal from the environment is not warned about', () => {
    expect(
      complaints(
        change('        virtual_ipaddress', '        auth_pass: ${PORT}\n        virtual_ipaddress'),
      ),
    ).toEqual([]);
  });

  it('merges maps, of which the own keys and the earlier ones win', () => {
    const text = change(
      '    haproxy:',
      '    check: { <<: [*a, *b], rise: 9 }\n    haproxy:',
      change('clusters:\n', 'x-a: &a { fall: 3, rise: 3 }\nx-b: &b { fall: 4, interval: 4 }\nclusters:\n'),
    );
    expect(cluster(text).check).toMatchObject({ fall: 3, rise: 9, interval: 4 });
  });

  it('lets one document have its marks', () => {
    expect(complaints(`%YAML 1.2\n---\n${BASE}...\n`)).toEqual([]);
    expect(complaints(`\ufeff${BASE}`)).toEqual([]);
    expect(complaints(BASE.replaceAll('\n', '\r\n'))).toEqual([]);
  });
});
