import { describe, expect, it } from 'vitest';
import { knownStates, NOTHING_KNOWN } from '../../../src/engine/known-states.js';
import { firewallStateProbe } from '../../../src/resources/firewall.js';
import { packagesProbe } from '../../../src/resources/packages.js';
import { osProbe } from '../../../src/resources/probes/os.js';
import { serviceProbe } from '../../../src/resources/probes/service.js';
import { selinuxProbe } from '../../../src/resources/selinux.js';
import { type Given, given, parsed, recorded, Unknown } from '../support/facts.js';

const haproxy = parsed(serviceProbe('haproxy'), recorded('service/haproxy-running.txt'));
const SERVICE: Given = [serviceProbe('haproxy'), haproxy];
const os = (family: string): Given => [osProbe, { family }];
const PACKAGES: Given = [packagesProbe, { haproxy: '2.8.14-1.el9' }];

describe('what is known of the states that are kept', () => {
  it('is nothing where nothing was asked, or nothing was learnt', () => {
    expect(knownStates(given())).toEqual(NOTHING_KNOWN);
    expect(knownStates(given([serviceProbe('keepalived'), new Unknown()]))).toEqual(NOTHING_KNOWN);
  });

  it('is what systemd has told of a unit', () => {
    expect(knownStates(given(SERVICE))).toEqual({
      ...NOTHING_KNOWN,
      units: ['haproxy'],
      lines: ['haproxy.LoadState=loaded', 'haproxy.ActiveState=active', 'haproxy.UnitFileState=enabled'],
    });
    const text = 'Id=firewalld.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n';
    const firewall: Given = [firewallStateProbe, parsed(firewallStateProbe, text)];
    expect(knownStates(given(firewall)).lines).toEqual([
      ...['firewalld.LoadState=not-found', 'firewalld.ActiveState=inactive', 'firewalld.UnitFileState='],
    ]);
  });

  it.each([
    ['el', 'package.haproxy=haproxy-2.8.14-1.el9'],
    ['debian', 'package.haproxy=installed 2.8.14-1.el9'],
  ])('is the version of a package on %s, and never that one is not there', (family, line) => {
    expect(knownStates(given(os(family), PACKAGES))).toEqual({
      ...NOTHING_KNOWN,
      packages: ['haproxy'],
      lines: [line],
    });
    expect(knownStates(given(PACKAGES))).toEqual(NOTHING_KNOWN);
  });

  it.each([
    [null, [], true],
    ['Disabled', ['selinux=Disabled'], true],
    ['Enforcing', [], false],
    ['Permissive', [], false],
  ])('SELinux that is %s: its booleans are known where it is off alone', (mode, lines, selinux) => {
    const found = knownStates(given([selinuxProbe, { mode, booleansOff: [] }]));
    expect(found).toEqual({ ...NOTHING_KNOWN, lines, selinux });
  });
});
