import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/inventory/model.js';
import { renderCheckScript } from '../../../src/render/check-script.js';
import { renderHaproxy } from '../../../src/render/haproxy.js';
import { checkScriptPath, GENERATED } from '../../../src/render/platform.js';
import { renderDropIn, renderSysctl, sysctlSettings } from '../../../src/render/system.js';
import { renderTakeoverScript } from '../../../src/render/takeover-script.js';
import { keepalivedOf, PASSWORD } from '../support/keepalived.js';
import { clusterOf } from '../support/model.js';

const VIP = 'virtual_ipaddress: [10.0.0.100/24]';

/** Pairs of every kind that an inventory can ask for. */
const pair = fc
  .record({
    advertInt: fc.constantFrom(1, 2, 0.1),
    preempt: fc.boolean(),
    delay: fc.constantFrom(0, 30),
    priorities: fc.constantFrom<[number, number][]>([250, 240], [90, 100], [62, 61]),
    weight: fc.constantFrom(0, -60),
    interval: fc.integer({ min: 1, max: 5 }),
    vips: fc.constantFrom('10.0.0.100/24', '10.0.0.100/24, 10.0.0.101/24'),
  })
  .filter(({ preempt, delay, weight }) => preempt || (delay === 0 && weight === 0))
  .map(({ advertInt, preempt, delay, priorities: [one, two], weight, interval, vips }) =>
    clusterOf(
      [
        VIP,
        `virtual_ipaddress: [${vips}]\n        advert_int: ${advertInt}\n        preempt: ${preempt}\n        preempt_delay: ${delay}\n        priority: { lb1: ${one}, lb2: ${two} }`,
      ],
      ['    haproxy:\n', `    check: { weight: ${weight}, interval: ${interval} }\n    haproxy:\n`],
    ),
  );

const instanceOf = (text: string) => text.slice(text.indexOf('vrrp_instance'));
const count = (text: string, line: RegExp) => [...text.matchAll(new RegExp(line, 'gm'))].length;
const confs = (cluster: Cluster) => cluster.hosts.map((host) => keepalivedOf(cluster, host.name).reveal());

describe('adverts to the other hosts alone', () => {
  const three = ['lb2: 10.0.0.12', 'lb2: 10.0.0.12\n      lb3: 10.0.0.13'] as const;
  const six = [
    ['lb1: 10.0.0.11', 'lb1: fd00::11'],
    ['lb2: 10.0.0.12', 'lb2: "fd00:0:0::12"'],
  ] as const;
  const blockOf = (text: string) => / {4}unicast_src_ip[\s\S]*?\n {4}\}\n/.exec(text)?.[0];

  it('name them on each, and the own address as the source', () => {
    const [one, two] = confs(clusterOf(three, [VIP, `unicast: true\n        ${VIP}`]));
    expect(blockOf(one ?? '')).toBe(
      '    unicast_src_ip 10.0.0.11\n    unicast_peer {\n        10.0.0.12\n        10.0.0.13\n    }\n',
    );
    expect(blockOf(two ?? '')).toContain('unicast_src_ip 10.0.0.12\n    unicast_peer {\n        10.0.0.11\n');
  });

  it('over IPv6 as well, which needs version 3', () => {
    const vip = 'unicast: true\n        virtual_ipaddress: ["fd00::100/64"]';
    const [one, two] = confs(clusterOf(...six, [VIP, vip]));
    expect(one).toMatch(/^ {4}version 3$/m);
    expect(blockOf(one ?? '')).toBe(
      '    unicast_src_ip fd00::11\n    unicast_peer {\n        fd00::12\n    }\n',
    );
    expect(blockOf(two ?? '')).toBe(
      '    unicast_src_ip fd00::12\n    unicast_peer {\n        fd00::11\n    }\n',
    );
    expect(one).toMatch(/virtual_ipaddress \{\n {8}fd00::100\/64\n/);
  });

  it('are not there without it', () => {
    for (const text of confs(clusterOf())) expect(text).not.toContain('unicast');
  });
});

describe('keepalived.conf of any pair', () => {
  it('has a priority, a version and a router id on every host', () => {
    fc.assert(
      fc.property(pair, (cluster) => {
        for (const [index, text] of confs(cluster).entries()) {
          const { name } = cluster.hosts[index] ?? { name: '' };
          const priority = cluster.vrrpInstances[0]?.priority[name];
          expect(count(instanceOf(text), /^ {4}priority \d+$/)).toBe(1);
          expect(instanceOf(text)).toContain(`    priority ${priority}\n`);
          expect(count(instanceOf(text), /^ {4}version [23]$/)).toBe(1);
          expect(text).toContain(`    router_id ${name}\n`);
        }
      }),
    );
  });

  it('runs its check as root, with script security', () => {
    fc.assert(
      fc.property(pair, (cluster) => {
        for (const text of confs(cluster)) {
          expect(text).toMatch(/^global_defs \{[^}]*\n {4}enable_script_security\n {4}script_user root\n/m);
          expect(text).toContain(`    script "${checkScriptPath('el')}"\n`);
          expect(count(text, /^ {4}track_script \{$/)).toBe(1);
        }
      }),
    );
  });

  it('starts as MASTER on the best host alone, and nowhere where that would not work', () => {
    fc.assert(
      fc.property(pair, (cluster) => {
        const [instance] = cluster.vrrpInstances;
        if (instance === undefined) throw new Error('no instance');
        const masters = cluster.hosts.filter((host) =>
          keepalivedOf(cluster, host.name).reveal().includes('    state MASTER\n'),
        );
        // keepalived.conf(5): nopreempt and preempt_delay need the initial state BACKUP on every host.
        const waits = !instance.preempt || instance.preemptDelay > 0;
        const best = instance.priority.lb1 === Math.max(...Object.values(instance.priority)) ? 'lb1' : 'lb2';
        expect(masters.map((it) => it.name)).toEqual(waits ? [] : [best]);
      }),
    );
  });

  it('says nopreempt only where it is asked for, and never beside a weight', () => {
    fc.assert(
      fc.property(pair, (cluster) => {
        for (const text of confs(cluster)) {
          expect(text.includes('    nopreempt\n')).toBe(cluster.vrrpInstances[0]?.preempt === false);
          if (text.includes('nopreempt')) expect(text).not.toMatch(/\bweight -/);
          // Without a weight a failed check means FAULT: `weight 0` is not written.
          expect(count(text, /^ {4}weight /)).toBe(cluster.check.weight === 0 ? 0 : 1);
        }
      }),
    );
  });

  it('speaks version 3 below a second, and never with a password then', () => {
    expect(keepalivedOf(clusterOf([VIP, `advert_int: 0.1\n        ${VIP}`]), 'lb1').reveal()).toMatch(
      /version 3\n[\s\S]*advert_int 0\.1\n/,
    );
  });

  it('holds the password, and does not show it', () => {
    const text = keepalivedOf(clusterOf([VIP, `auth_pass: { env: P }\n        ${VIP}`]), 'lb1');
    expect(text.reveal()).toContain(`        auth_type PASS\n        auth_pass ${PASSWORD}\n`);
    expect(`${text} ${JSON.stringify({ text })}`).not.toContain(PASSWORD);
  });
});

describe('haproxy.cfg of any pair', () => {
  const sections = (text: string) => text.split(/\n\n/).slice(1);

  it('has the monitor on a port and in a frontend of its own, on loopback alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: 65_535 }), fc.boolean(), (port, stats) => {
        const cluster = clusterOf(
          ['    haproxy:\n', `    check: { port: ${port} }\n    haproxy:\n`],
          ...(stats
            ? [['      backends:', '      stats: { bind: "127.0.0.1:999" }\n      backends:'] as const]
            : []),
        );
        const binding = sections(renderHaproxy(cluster, 'el')).filter((it) => it.includes(`:${port}\n`));
        expect(binding).toHaveLength(1);
        expect(binding[0]).toMatch(/^frontend lbctl_monitor\n {4}bind 127\.0\.0\.1:\d+\n/);
        expect(binding[0]).toContain('\n    monitor-uri /healthz\n');
        expect(binding[0]?.match(/bind /g)).toHaveLength(1);
      }),
    );
  });

  it('binds every virtual address for a bare port, and an address as it was written', () => {
    const cluster = clusterOf(
      ['[10.0.0.100/24]', '[10.0.0.100/24, 10.0.0.101/24]'],
      ['bind: [80]', 'bind: [80, "10.0.0.101:81", "*:82"]'],
    );
    const binds = [...renderHaproxy(cluster, 'el').matchAll(/^ {4}bind (\S+)$/gm)].map(([, it]) => it);
    expect(binds).toEqual(['10.0.0.100:80', '10.0.0.101:80', '10.0.0.101:81', '*:82', '127.0.0.1:8405']);
  });

  it('is the same on both hosts, has every timeout, and no sample backend', () => {
    const text = renderHaproxy(clusterOf(), 'el');
    for (const name of ['connect', 'client', 'server', 'http-request', 'check'])
      expect(text).toContain(`timeout ${name} `);
    expect(text).not.toMatch(/4331|backend static|maxconn/);
  });

  it.each([
    ['weight 5', 'server web1 10.0.0.21:80 check weight 5'],
    ['no-check', 'server web1 10.0.0.21:80'],
    ['check inter 2s', 'server web1 10.0.0.21:80 check inter 2s'],
    ['backup no-check weight 1', 'server web1 10.0.0.21:80 backup weight 1'],
  ])('a server with options "%s" is checked unless they say otherwise', (options, line) => {
    const cluster = clusterOf([
      'web1: "10.0.0.21:80"',
      `web1: { address: "10.0.0.21:80", options: "${options}" }`,
    ]);
    expect(renderHaproxy(cluster, 'el')).toContain(`    ${line}\n`);
  });
});

describe('every generated file', () => {
  const cluster = clusterOf();
  const files = {
    'haproxy.cfg': renderHaproxy(cluster, 'el'),
    'keepalived.conf': keepalivedOf(cluster, 'lb1').reveal(),
    'check script': renderCheckScript(cluster.check),
    'hand-over script': renderTakeoverScript(cluster),
    'haproxy drop-in': renderDropIn('haproxy', 'el', { skipsCheck: true }),
    'keepalived drop-in': renderDropIn('keepalived', 'el'),
    sysctl: renderSysctl(sysctlSettings({ ipv6: true })),
  };

  it.each(Object.entries(files))(
    '%s: says who wrote it, ends its last line, and bears no date',
    (_, text) => {
      expect(text.replace(/^#!.*\n/, '').split('\n')[0]).toBe(GENERATED);
      expect(text).toMatch(/[^\n]\n$/);
      expect(text).not.toMatch(/\d{4}-\d\d-\d\d|lbctl v?\d|[ \t]$/m);
    },
  );

  it('the check asks this host, never a virtual address and never a server', () => {
    const asked = [...files['check script'].matchAll(/\d+\.\d+\.\d+\.\d+/g)].map(([it]) => it);
    expect(asked).toEqual(['127.0.0.1']);
  });
});
