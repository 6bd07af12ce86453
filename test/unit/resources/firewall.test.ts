import { describe, expect, it } from 'vitest';
import {
  type FirewalldFacts,
  type FirewallState,
  firewalldProbe,
  firewallResource,
  firewallStateProbe,
} from '../../../src/resources/firewall.js';
import { networkProbe } from '../../../src/resources/probes/network.js';
import { UnknownFact } from '../../../src/resources/types.js';
import { ufwProbe } from '../../../src/resources/ufw.js';
import { given, output, parsed, recorded, refusal, Unknown } from '../support/facts.js';
import { type Changes, clusterOf, hostOf } from '../support/model.js';

/** What firewalld lists of every zone; `public` changed as given. */
const zones = (...changes: readonly (readonly [string, string])[]) => {
  const [before = '', after = ''] = recorded('firewalld/zones.txt').split(/^(?=public)/m);
  return before + changes.reduce((text, [from, to]) => text.replace(from, to), after);
};
const lines = (kind: string, text: string) => text.replace(/^/gm, `${kind} `);
const open = [
  ['  protocols: \n', '  protocols: vrrp\n'],
  ['  ports: \n', '  ports: 80/tcp 443/tcp\n'],
] as const;

/** A whole answer of a host on which firewalld runs. */
function answer(runtime: string, permanent: string, extra = 'zone eth0 public\n'): string {
  const head = 'installed yes\nenabled enabled\nstate running\ndefault public\n';
  return `${head}${extra}${lines('runtime', runtime)}\n${lines('permanent', permanent)}\n`;
}

describe('firewalld, asked', () => {
  it('runs, with what each zone lets through', () => {
    const found = parsed(firewalldProbe, answer(zones(['public\n', 'public (active)\n'], ...open), zones()));
    expect(found).toMatchObject({ installed: true, running: true, enabled: true });
    expect(found.zoneOf).toEqual({ default: 'public', eth0: 'public' });
    expect(found.runtime.public).toEqual({
      protocols: ['vrrp'],
      ports: ['80/tcp', '443/tcp'],
      target: 'default',
    });
    expect(found.permanent.public).toEqual({ protocols: [], ports: [], target: 'default' });
    expect(found.runtime.trusted?.target).toBe('ACCEPT');
    expect(Object.keys(found.permanent)).toHaveLength(9);
  });

  it.each([
    ['installed no\n', { installed: false, running: false, enabled: false }],
    [
      'installed yes\nenabled disabled\nstate not running\n',
      { installed: true, running: false, enabled: false },
    ],
    ['installed yes\nenabled enabled\nstate not running\n', { running: false, enabled: true }],
    ['installed yes\nenabled enabled\nstate failed\n', { running: true, enabled: true }],
  ])('%j', (text, expected) => {
    expect(parsed(firewalldProbe, text)).toMatchObject(expected);
  });

  it.each([
    ['a failure', output('installed yes\n', { exitCode: 1 })],
    ['nothing', output('')],
    ['no state, as after its time limit', output('installed yes\nenabled enabled\nstate \n')],
    ['an error for a state', output('installed yes\nenabled enabled\nstate Error: DBUS_ERROR\n')],
    ['no zones', output('installed yes\nenabled enabled\nstate running\ndefault public\nzone eth0 public\n')],
    ['no default zone', output(answer(zones(), zones()).replace('default public', 'default '))],
    ['zones without the one in use', output(answer(zones(), zones(), 'zone eth0 lan\n'))],
  ])('is unknown by %s', (_, text) => {
    expect(refusal(firewalldProbe, text)).not.toBeNull();
  });
});

const interfaces = [{ name: 'eth0', up: true, addresses: [{ address: '10.0.0.11', prefix: 24 }] }];
const off: FirewalldFacts = {
  installed: true,
  running: false,
  enabled: false,
  zoneOf: {},
  runtime: {},
  permanent: {},
};

const noUfw = parsed(ufwProbe, 'status absent\n');

function plan(
  wish: string,
  found: FirewalldFacts | FirewallState | Unknown,
  binds = '[80, 443]',
  ...changes: Changes
) {
  const cluster = clusterOf(
    ['    vrrp_instances:', `    system: { firewall: ${wish} }\n    vrrp_instances:`],
    ['bind: [80]', `bind: ${binds}`],
    ...changes,
  );
  const resource = firewallResource({ cluster, host: hostOf(cluster, 'lb1'), authPass: new Map() });
  return resource.plan(
    given(
      [firewalldProbe, found],
      [firewallStateProbe, found],
      [ufwProbe, noUfw],
      [networkProbe, interfaces],
    ),
  );
}

describe('whether there is anything to switch off, by systemd', () => {
  it.each([
    ['ActiveState=active\nUnitFileState=enabled\n', { running: true, enabled: true, ufwActive: false }],
    ['ActiveState=activating\nUnitFileState=\n', { running: true, enabled: false, ufwActive: false }],
    ['ActiveState=failed\nUnitFileState=disabled\n', { running: false, enabled: false, ufwActive: false }],
    [
      'ActiveState=inactive\nUnitFileState=\nufw=active\n',
      { running: false, enabled: false, ufwActive: true },
    ],
  ])('%j', (text, expected) => {
    expect(parsed(firewallStateProbe, text)).toEqual(expected);
  });

  it.each([
    ['a failure', output('ActiveState=inactive\n', { exitCode: 1 })],
    ['nothing', output('')],
    ['a silent ufw', output('ActiveState=inactive\nUnitFileState=\nufw=\n')],
  ])('is unknown by %s', (_, text) => {
    expect(refusal(firewallStateProbe, text)).not.toBeNull();
  });
});

describe('firewall: disable', () => {
  it.each<[string, Partial<FirewalldFacts & FirewallState>, string | null, string[]]>([
    ['off already', {}, null, []],
    ['not installed', { installed: false }, null, []],
    [
      'running',
      { running: true, enabled: true },
      'firewalld is running and enabled',
      ['switch firewalld off'],
    ],
    [
      'running until the reboot',
      { running: true },
      'firewalld is running and disabled',
      ['switch firewalld off'],
    ],
    [
      'back after the reboot',
      { enabled: true },
      'firewalld is stopped and enabled',
      ['switch firewalld off'],
    ],
    ['ufw', { ufwActive: true }, 'ufw is active', ['switch ufw off']],
  ])('%s', (_, found, reason, steps) => {
    const { change } = plan('disable', { ...off, ufwActive: false, ...found });
    expect(change?.reason ?? null).toBe(reason);
    expect(change?.steps.map((it) => it.title) ?? []).toEqual(steps);
    // A protection that is switched off is said prominently.
    expect(change === null || change.notice?.includes('switched off')).toBe(true);
  });

  it('unknown is no reason to go on', () => {
    expect(() => plan('disable', new Unknown())).toThrow(UnknownFact);
  });
});

describe('firewall: open', () => {
  const running = (runtime: string, permanent: string) => parsed(firewalldProbe, answer(runtime, permanent));

  it.each([
    ['everything open', zones(...open), zones(...open), []],
    ['nothing open', zones(), zones(), ['--permanent vrrp 80/tcp 443/tcp', 'vrrp 80/tcp 443/tcp']],
    ['open until the reboot', zones(...open), zones(), ['--permanent vrrp 80/tcp 443/tcp']],
    ['open after the next reload', zones(open[1]), zones(...open), ['vrrp']],
    ['a zone that accepts everything', zones(['target: default', 'target: ACCEPT']), zones(...open), []],
  ])('%s', (_, runtime, permanent, added) => {
    const { change } = plan('open', running(runtime, permanent));
    const calls = (change?.steps ?? []).flatMap((it) => String(it.script).match(/firewall-cmd .*/g) ?? []);
    for (const call of calls) expect(call).toContain(' --zone=public ');
    const adds = ['--permanent', ''].flatMap((flag) => {
      const own = calls.filter((call) => call.includes('--permanent') === (flag !== ''));
      const what = own.flatMap((call) =>
        [...call.matchAll(/--add-(?:protocol|port)=(\S+)/g)].map(([, it]) => it),
      );
      return what.length === 0 ? [] : [[flag, ...what].join(' ').trim()];
    });
    expect(adds).toEqual(added);
    if (change !== null) expect(change.reason).toMatch(/^zone public \((?:permanent|runtime)\) lacks /);
  });

  it('each port once, whatever address it is bound on', () => {
    const { change } = plan(
      'open',
      running(zones(), zones(...open)),
      '[80, "10.0.0.100:443", "10.0.0.11:443"]',
    );
    expect(
      change?.steps
        .map((it) => String(it.script))
        .join()
        .match(/443/g),
    ).toHaveLength(1);
  });

  it.each<[what: string, binds: string, stats: string, ports: string[]]>([
    ['stats on a virtual address', '[80]', '10.0.0.100:8404', ['80/tcp', '8404/tcp']],
    ['stats on every address', '[80]', '*:8404', ['80/tcp', '8404/tcp']],
    ['stats on loopback', '[80]', '127.0.0.1:8404', ['80/tcp']],
    ['a frontend on loopback', '[80, "127.0.0.1:8080", "[::1]:8081"]', '[::1]:8404', ['80/tcp']],
  ])('what clients reach, and nothing else: %s', (_, binds, stats, ports) => {
    const { change } = plan('open', running(zones(), zones()), binds, [
      '      frontends:\n',
      `      stats: { bind: "${stats}" }\n      frontends:\n`,
    ]);
    const added = (change?.steps ?? []).map((it) => String(it.script).match(/(?<=--add-port=)\S+/g) ?? []);
    expect(added).toEqual([ports, ports]);
  });

  it('a firewalld that does not run keeps nothing out', () => {
    expect(plan('open', off).change).toBeNull();
  });

  it('unknown is no reason to go on', () => {
    expect(() => plan('open', new Unknown())).toThrow(UnknownFact);
  });
});

it('firewall: keep asks nothing and changes nothing', () => {
  expect(plan('keep', new Unknown())).toEqual({ change: null, problems: [] });
});
