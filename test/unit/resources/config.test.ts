import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { renderHaproxy } from '../../../src/render/haproxy.js';
import { haproxyConfigResource } from '../../../src/resources/haproxy-config.js';
import { keepalivedConfigResource } from '../../../src/resources/keepalived-config.js';
import { type FileFacts, fileProbe } from '../../../src/resources/probes/file.js';
import { listenersProbe } from '../../../src/resources/probes/listeners.js';
import { networkProbe } from '../../../src/resources/probes/network.js';
import { osProbe } from '../../../src/resources/probes/os.js';
import { UnknownFact } from '../../../src/resources/types.js';
import { given, Unknown } from '../support/facts.js';
import { keepalivedOf } from '../support/keepalived.js';
import { type Changes, clusterOf, hostOf } from '../support/model.js';

const os = (family: string | null = 'el') => [osProbe, { id: 'x', pretty: 'Arch Linux', family }] as const;
const file = (content: string, group: string): FileFacts => ({
  kind: 'file',
  mode: '640',
  owner: 'root',
  group,
  age: 9,
  content,
});

describe('haproxy.cfg', () => {
  const CFG = fileProbe('/etc/haproxy/haproxy.cfg');
  const cluster = clusterOf();
  const context = { cluster, host: hostOf(cluster, 'lb1'), authPass: new Map() };
  const right = file(renderHaproxy(cluster, 'el'), 'haproxy');
  const plan = (found: FileFacts, listeners: unknown = []) =>
    haproxyConfigResource(context).plan(given(os(), [CFG, found], [listenersProbe, listeners]));
  const listener = (address: string, port: number, ...programs: string[]) => ({ address, port, programs });

  it('is left alone as it should be', () => {
    expect(plan(right)).toEqual({ change: null, problems: [] });
  });

  it('is checked by the host’s own haproxy, with what its unit loads besides, before it counts', () => {
    const script = String(plan({ kind: 'missing' }).change?.steps[0]?.script);
    expect(script.indexOf('haproxy "$@"')).toBeGreaterThan(script.indexOf('>"$candidate"'));
    expect(script.indexOf('haproxy "$@"')).toBeLessThan(script.indexOf('mv -f "$candidate"'));
    expect(script).toContain('-c -f "$candidate"');
    expect(script).toContain('CFGDIR');
  });

  it.each([
    ['nobody', [], null],
    ['haproxy itself', [listener('10.0.0.100', 80, 'haproxy'), listener('127.0.0.1', 8405, 'haproxy')], null],
    ['another program, elsewhere', [listener('10.0.0.11', 80, 'nginx')], null],
    ['another program, on another port', [listener('0.0.0.0', 8080, 'nginx')], null],
    [
      'another program, everywhere',
      [listener('0.0.0.0', 80, 'nginx')],
      /^port 80 is taken by nginx, which listens on 0\.0\.0\.0/,
    ],
    ['another program, by IPv6', [listener('::', 80, 'nginx')], /^port 80 is taken by nginx/],
    ['another program, on the address', [listener('10.0.0.100', 80, 'nginx')], /^port 80 is taken by nginx/],
    [
      'a program without a name, on the monitor’s port',
      [listener('127.0.0.1', 8405)],
      /^port 8405 is taken by another program/,
    ],
  ])('its ports are taken by %s', (_, listeners, problem) => {
    const { problems } = plan(right, listeners);
    if (problem === null) expect(problems).toEqual([]);
    else
      expect(problems).toEqual([
        expect.objectContaining({
          severity: 'error',
          code: 'port-taken',
          summary: expect.stringMatching(problem),
        }),
      ]);
  });

  it('unknown is no reason to go on', () => {
    expect(() => plan(right, new Unknown())).toThrow(UnknownFact);
  });
});

describe('keepalived.conf', () => {
  const CONF = fileProbe('/etc/keepalived/keepalived.conf');
  const eth0 = { name: 'eth0', up: true, addresses: [{ address: '10.0.0.11', prefix: 24 }] };

  function plan(
    found: FileFacts | Unknown,
    options: { interfaces?: unknown; changes?: Changes; authPass?: string } = {},
  ) {
    const cluster = clusterOf(...(options.changes ?? []));
    const authPass = options.authPass === undefined ? [] : [['VI_1', new Secret(options.authPass)] as const];
    const context = { cluster, host: hostOf(cluster, 'lb1'), authPass: new Map(authPass) };
    return keepalivedConfigResource(context).plan(
      given(os(), [CONF, found], [networkProbe, options.interfaces ?? [eth0]]),
    );
  }
  const right = keepalivedOf(clusterOf(), 'lb1').reveal();

  it('is left alone as it should be', () => {
    expect(plan(file(right, 'root'))).toEqual({ change: null, problems: [] });
  });

  it('is checked by the host’s own keepalived, its script as well, before it counts', () => {
    const script = String(plan({ kind: 'missing' }).change?.steps[0]?.script);
    for (const check of [
      'keepalived -t -f "$candidate"',
      '[ -s "$candidate" ]',
      '[ -x /usr/libexec/keepalived/lbctl-check-haproxy ]',
    ]) {
      expect(script.indexOf(check)).toBeGreaterThan(script.indexOf('>"$candidate"'));
      expect(script.indexOf(check)).toBeLessThan(script.indexOf('mv -f "$candidate"'));
    }
  });

  it.each([
    ['a new file', null, 'independent'],
    ['another check', ['fall 2', 'fall 3'], 'independent'],
    [
      'another router id: the hosts must agree',
      ['virtual_router_id 51', 'virtual_router_id 5'],
      'not independent',
    ],
  ])('%s', (_, from, coordination) => {
    const found =
      from === null
        ? ({ kind: 'missing' } as const)
        : file(right.replace(from[0] ?? '', from[1] ?? ''), 'root');
    const { change } = plan(found);
    expect(change?.coordination === 'independent' ? 'independent' : 'not independent').toBe(coordination);
  });

  it('a changed password is seen, and not shown', () => {
    const changes = [['virtual_ipaddress:', 'auth_pass: { env: P }\n        virtual_ipaddress:']] as const;
    const before = keepalivedOf(clusterOf(...changes), 'lb1').reveal();
    const { change } = plan(file(before, 'root'), { changes, authPass: 'newpass2' });
    expect(change?.diff).toContain('only a secret differs');
    expect(change?.coordination).not.toBe('independent');
    expect(JSON.stringify(change)).not.toMatch(/newpass2|lb-pass1/);
    expect(plan(file(before, 'root'), { changes, authPass: 'lb-pass1' }).change).toBeNull();
  });

  it.each([
    [
      'none on the subnet',
      [{ ...eth0, addresses: [{ address: '10.9.0.11', prefix: 24 }] }],
      [],
      'no-interface',
      /no interface of this host is on the subnet of VI_1/,
    ],
    ['one that is down', [{ ...eth0, up: false }], [], 'interface-down', /eth0 of VI_1 is down/],
    [
      'a named one that is not there',
      [eth0],
      [['lb1: 10.0.0.11', 'lb1: { address: 10.0.0.11, interface: bond0 }']] as const,
      'interface-missing',
      /bond0 of VI_1 does not exist/,
    ],
  ])('interfaces: %s', (_, interfaces, changes, code, summary) => {
    expect(plan(file(right, 'root'), { interfaces, changes })).toMatchObject({
      change: null,
      problems: [
        {
          severity: 'error',
          code,
          summary: expect.stringMatching(summary),
          hint: expect.stringContaining('eth0'),
        },
      ],
    });
  });

  it('unknown is no reason to go on', () => {
    expect(() => plan(new Unknown())).toThrow(UnknownFact);
    expect(() => plan(file(right, 'root'), { interfaces: new Unknown() })).toThrow(UnknownFact);
  });
});
