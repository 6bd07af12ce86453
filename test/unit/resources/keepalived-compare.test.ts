import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flipsTogether, startsAnew } from '../../../src/resources/keepalived-compare.js';

const conf = (instance: string, global = '') => `global_defs {
    router_id lb1
${global}}
vrrp_script chk { script "/x" }
vrrp_instance ${instance}
`;

const V2 = conf(`VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 250
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret12
    }
    virtual_ipaddress {
        10.0.0.100/24
        10.0.0.101/24 dev eth0 label eth0:1
    }
    track_script { chk }
}`);
const V3 = V2.replace('virtual_router_id', 'version 3\n    virtual_router_id');

/** Whether one host with the old file and one with the new would both hold the addresses. */
describe('a change of keepalived.conf must be made on both hosts together', () => {
  it.each<[what: string, before: string, from: string, to: string, together: boolean]>([
    ['another router id', V2, 'virtual_router_id 51', 'virtual_router_id 52', true],
    ['version 2 to 3', V2, 'interface eth0', 'interface eth0\n    version 3', true],
    ['version 2 to 3 for all instances', V2, 'router_id lb1\n', 'router_id lb1\n    vrrp_version 3\n', true],
    ['multicast to unicast', V2, 'priority 250', 'unicast_peer {\n 10.0.0.12\n }\n priority 250', true],
    ['another interval, version 2', V2, 'advert_int 1', 'advert_int 2', true],
    ['the default interval, version 2', V2, '    advert_int 1\n', '', false],
    ['another interval, version 3', V3, 'advert_int 1', 'advert_int 0.1', false],
    ['another password', V2, 'secret12', 'secret13', true],
    ['a password that differs after 8 characters: keepalived cuts it', V2, 'secret12', 'secret12345', false],
    ['no password any more', V2, / {4}authentication \{[\s\S]*?\n {4}\}\n/.exec(V2)?.[0] ?? '', '', true],
    ['one address more', V2, '10.0.0.100/24\n', '10.0.0.100/24\n        10.0.0.102/24\n', true],
    ['one address less', V2, '        10.0.0.101/24 dev eth0 label eth0:1\n', '', true],
    ['as many addresses, another one', V2, '10.0.0.101/24', '10.0.0.102/24', true],
    [
      'the same addresses in another order',
      V2,
      '10.0.0.100/24\n        10.0.0.101/24',
      '10.0.0.101/24\n        10.0.0.100/24',
      false,
    ],
    ['another prefix', V2, '10.0.0.100/24', '10.0.0.100/25', false],
    ['another script', V2, 'script "/x"', 'script "/y"', false],
    ['another name', V2, 'vrrp_instance VI_1', 'vrrp_instance PAIR', false],
    [
      'another name and router id',
      V2,
      'VI_1 {\n    state MASTER',
      'PAIR {\n    virtual_router_id 7\n    state MASTER',
      true,
    ],
    ['another state keyword', V2, 'state MASTER', 'state BACKUP', false],
    ['another priority', V2, 'priority 250', 'priority 200', false],
    ['no preemption', V2, 'priority 250', 'priority 250\n    nopreempt', false],
    [
      'other spaces, comments and quotes',
      V2,
      'interface eth0',
      'interface   "eth0"   # VI_1 { virtual_router_id 9\n! and {\n',
      false,
    ],
    ['the global router_id', V2, 'router_id lb1', 'router_id other', false],
  ])('%s', (_, before, from, to, together) => {
    expect(before).toContain(from);
    const after = before.replace(from, () => to);
    expect(flipsTogether(before, after)).toBe(together);
    expect(flipsTogether(after, before)).toBe(together);
  });

  it('not where an instance is new, or goes away', () => {
    const two = `${V2}${V2.slice(V2.indexOf('vrrp_instance')).replace('VI_1', 'VI_2').replace(' 51', ' 52').replaceAll('10.0.0.10', '10.0.1.10')}`;
    expect([flipsTogether(V2, two), flipsTogether(two, V2)]).toEqual([false, false]);
  });

  it('not for a file that had no instance at all', () => {
    expect([flipsTogether('', V2), flipsTogether('! sample\n', V2)]).toEqual([false, false]);
  });

  it('never for the same file, whatever is in it', () => {
    const junk = fc.string({
      unit: fc.constantFrom('{', '}', '#', '"', '\n', ' ', 'vrrp_instance VI', '9'),
      maxLength: 80,
    });
    fc.assert(
      fc.property(junk, (text) => {
        expect(flipsTogether(text, text)).toBe(false);
        expect(flipsTogether(`${V2}${text}`, `${V2}${text}`)).toBe(false);
      }),
    );
  });
});

/** keepalived drops the addresses of such an instance at the reload, and holds an election for them. */
describe('an instance starts anew', () => {
  it.each<[what: string, from: string, to: string, anew: boolean]>([
    ['with another router id', 'virtual_router_id 51', 'virtual_router_id 52', true],
    ['from multicast to unicast', 'priority 250', 'unicast_peer {\n 10.0.0.12\n }\n priority 250', true],
    ['not with another version', 'interface eth0', 'interface eth0\n    version 3', false],
    ['not with another password', 'secret12', 'secret13', false],
    ['not with another interval', 'advert_int 1', 'advert_int 2', false],
    ['not with another address', '10.0.0.101/24', '10.0.0.102/24', false],
    ['not with one address more', '10.0.0.100/24\n', '10.0.0.100/24\n        10.0.0.102/24\n', false],
    ['not under another name', 'vrrp_instance VI_1', 'vrrp_instance PAIR', false],
  ])('%s', (_, from, to, anew) => {
    const after = V2.replace(from, () => to);
    expect(after).not.toBe(V2);
    expect([startsAnew(V2, after), startsAnew(after, V2)]).toEqual([anew, anew]);
  });
});
