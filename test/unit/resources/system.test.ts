import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { System } from '../../../src/inventory/model.js';
import { packageLockProbe } from '../../../src/resources/package-lock.js';
import { packageVersionsProbe } from '../../../src/resources/package-versions.js';
import { packagesProbe, packagesResource } from '../../../src/resources/packages.js';
import { type FileFacts, fileProbe } from '../../../src/resources/probes/file.js';
import { osProbe } from '../../../src/resources/probes/os.js';
import { selinuxProbe, selinuxResource } from '../../../src/resources/selinux.js';
import { sysctlResource } from '../../../src/resources/sysctl.js';
import { type Probe, type ResourceContext, UnknownFact } from '../../../src/resources/types.js';
import { type Given, given, output, parsed, refusal, Unknown } from '../support/facts.js';
import { type Changes, clusterOf, first, hostOf } from '../support/model.js';
import { runShell, temporaryFolder } from '../support/shell.js';

function contextOf(...changes: Changes): ResourceContext {
  const cluster = clusterOf(...changes);
  return { cluster, host: hostOf(cluster, 'lb1'), authPass: new Map() };
}

const os = (family: string | null) => [osProbe, { id: 'x', pretty: 'Arch Linux', family }] as const;
const file = (content: string, rest = {}): FileFacts => ({
  kind: 'file',
  mode: '644',
  owner: 'root',
  group: 'root',
  age: 9,
  content,
  ...rest,
});

describe('packages', () => {
  const plan = (...facts: Given[]) =>
    packagesResource(contextOf()).plan(given([packageLockProbe, null], ...facts));
  const both = { haproxy: '2.4', keepalived: '2.2' };

  it.each<[string, Record<string, string>, string | null]>([
    ['both there', both, null],
    ['keepalived missing', { haproxy: '2.4' }, 'keepalived not installed'],
    ['both missing', {}, 'haproxy and keepalived not installed'],
  ])('%s', (_, installed, reason) => {
    expect(plan(os('el'), [packagesProbe, installed]).change?.reason ?? null).toBe(reason);
  });

  it.each([
    ['el', /\bdnf -y/],
    ['debian', /DEBIAN_FRONTEND=noninteractive[\s\S]*--force-confold/],
  ])('on %s, never ended half way', (family, command) => {
    const step = first(plan(os(family), [packagesProbe, {}]).change?.steps ?? []);
    expect(step.limit).toBe('none');
    expect(String(step.script)).toMatch(command);
    expect(String(step.script)).toMatch(/install haproxy keepalived/);
  });

  it('whoever has the lock of the package manager is named before it is waited for', () => {
    const busy = [packageLockProbe, 'unattended-upgr (process 7)'] as const;
    const { change, problems } = plan(os('debian'), [packagesProbe, {}], busy);
    expect(change).not.toBeNull();
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        code: 'package-manager-busy',
        summary: 'unattended-upgr (process 7) works with the package manager: it is waited for',
      },
    ]);
    expect(plan(os('debian'), [packagesProbe, both], busy).problems).toEqual([]);
  });

  it.each([
    ['and unmasked when it is there', 0],
    ['and unmasked when that failed', 100],
  ])('on Debian what is not there yet is masked while it is installed, %s', (_, code) => {
    const bin = temporaryFolder();
    const program = (name: string, text: string) => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    program(
      'systemctl',
      `case "$*" in *'value haproxy') echo loaded ;; *'value keepalived') echo not-found ;; *) echo "$@" >>${bin}/log ;; esac`,
    );
    program('apt-get', `echo apt-get >>${bin}/log; exit ${code}`);
    const step = first(plan(os('debian'), [packagesProbe, {}]).change?.steps ?? []);
    const { exitCode } = runShell(step.script, {
      path: bin,
      replace: { '/var/lib/dpkg/lock': '/nowhere/lock' },
    });
    expect(exitCode).toBe(code === 0 ? 0 : 1);
    const log = readFileSync(join(bin, 'log'), 'utf8').trimEnd().split('\n');
    expect([...new Set(log)]).toEqual([
      '-q mask --runtime keepalived.service',
      'apt-get',
      '-q unmask --runtime keepalived.service',
    ]);
  });

  it('an unknown distribution is refused, with its name', () => {
    const { change, problems } = plan(os(null), [packagesProbe, {}]);
    expect([change, problems.map((it) => [it.severity, it.summary])]).toEqual([
      null,
      [['error', 'Arch Linux is not supported']],
    ]);
  });

  it.each([
    ['haproxy', '1.5.18-9.el7', 'haproxy 1.5.18-9.el7 is too old: what lbctl writes needs 1.8 or later'],
    ['keepalived', '1:2.0.19-2', 'keepalived 1:2.0.19-2 is too old: what lbctl writes needs 2.1 or later'],
  ])('%s %s is refused before anything is changed', (name, version, summary) => {
    const installed = { haproxy: '2.4.22-3.el9', keepalived: '2.2.8-3.el9', [name]: version };
    const { change, problems } = plan(os('el'), [packagesProbe, installed]);
    expect(change).toBeNull();
    expect(problems).toMatchObject([{ severity: 'error', code: 'version-too-old', summary }]);
  });

  it.each<[string, System['packages'], object, string[]]>([
    [
      'an exact version that is too old',
      { haproxy: { version: '1.5.18' }, keepalived: 'present' },
      {},
      ['haproxy 1.5.18'],
    ],
    ['one that replaces what is too old', { haproxy: { version: '2.4' }, keepalived: 'present' }, {}, []],
    [
      '`latest`, and there is no later one',
      { haproxy: 'latest', keepalived: 'present' },
      {},
      ['haproxy 1.5.19-9.el7'],
    ],
    [
      '`latest`, and there is one',
      { haproxy: 'latest', keepalived: 'present' },
      { haproxy: '2.4.22-3.el9' },
      [],
    ],
  ])('%s', (_, packages, candidate, expected) => {
    const context = contextOf();
    const cluster = { ...context.cluster, system: { ...context.cluster.system, packages } };
    const { problems } = packagesResource({ ...context, cluster }).plan(
      given(
        os('el'),
        [packagesProbe, { haproxy: '1.5.19-9.el7', keepalived: '2.2' }],
        [packageVersionsProbe(packages), { available: {}, candidate, lockedBy: null }],
      ),
    );
    expect(problems.map(({ summary }) => summary.split(' is too old')[0])).toEqual(expected);
  });

  it.each(['1.8.27-5.el8', '2.10.1', '10.0'])('haproxy %s is new enough', (haproxy) => {
    expect(plan(os('el'), [packagesProbe, { haproxy, keepalived: '2.1.5-9.el8' }]).problems).toEqual([]);
  });

  it('unknown is not missing', () => {
    expect(() => plan(os('el'), [packagesProbe, new Unknown()])).toThrow(UnknownFact);
    expect(refusal(packagesProbe, output('haproxy 2.4\n', { exitCode: 1, stderr: 'x' }))).toContain('x');
  });

  /** The probe's own script with a package manager of ours. */
  function ask(programs: Record<string, string>) {
    const path = temporaryFolder();
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(`${path}/${name}`, `#!/bin/sh\n${text}\n`);
      chmodSync(`${path}/${name}`, 0o755);
    }
    const hidden = programs.rpm === undefined ? {} : { '[ -d /var/lib/dpkg/info ]': 'false' };
    const answer = packagesProbe.parse(runShell(packagesProbe.script, { path, replace: hidden }));
    return answer.ok ? answer.value : answer.error;
  }

  it.each([
    [
      'rpm',
      {
        rpm: 'for p; do :; done; [ $p = haproxy ] && printf 2.4-1.el9 || { echo "package $p is not installed"; exit 1; }',
      },
      { haproxy: '2.4-1.el9' },
    ],
    [
      'dpkg',
      {
        'dpkg-query':
          'for p; do :; done; [ $p = haproxy ] && echo installed 2.6 || { echo "dpkg-query: no packages found matching $p" >&2; exit 1; }',
      },
      { haproxy: '2.6' },
    ],
    ['dpkg, removed but for its configuration', { 'dpkg-query': 'echo config-files 2.6' }, {}],
    [
      'rpm with a broken database',
      { rpm: 'echo "error: cannot open Packages database" >&2; exit 1' },
      expect.stringContaining('cannot open'),
    ],
    [
      'dpkg with a broken database',
      { 'dpkg-query': 'echo "dpkg-query: error: parsing file" >&2; exit 2' },
      expect.stringContaining('parsing file'),
    ],
  ])('by %s', (_, programs, expected) => {
    expect(ask(programs)).toEqual(expected);
  });
});

describe('SELinux', () => {
  const config = (mode: string) =>
    `# SELINUX= can take one of these three values:\nSELINUX=${mode}\nSELINUXTYPE=targeted\n`;
  function plan(wish: string, mode: string | null, booleansOff: string[], content: string | null) {
    const context = contextOf([
      '    vrrp_instances:',
      `    system: { selinux: ${wish} }\n    vrrp_instances:`,
    ]);
    const found = content === null ? { kind: 'missing' } : file(content);
    return selinuxResource(context).plan(
      given([selinuxProbe, { mode, booleansOff }], [fileProbe('/etc/selinux/config'), found]),
    ).change;
  }
  const off = ['haproxy_connect_any', 'keepalived_connect_any'];

  it.each<[wish: string, mode: string | null, off: string[], inFile: string | null, steps: string[]]>([
    ['disabled', null, [], null, []],
    ['disabled', 'Disabled', [], 'disabled', []],
    ['disabled', 'Permissive', [], 'disabled', []],
    ['disabled', 'Enforcing', off, 'disabled', ['setenforce 0']],
    ['disabled', 'Permissive', off, 'permissive', ['write']],
    ['disabled', 'Enforcing', off, 'enforcing', ['setenforce 0', 'write']],
    ['permissive', 'Permissive', off, 'permissive', []],
    ['permissive', 'Enforcing', off, 'enforcing', ['setenforce 0', 'write']],
    ['permissive', 'Disabled', [], 'disabled', ['write']],
    ['enforcing', 'Enforcing', [], 'enforcing', []],
    ['enforcing', 'Enforcing', ['haproxy_connect_any'], 'enforcing', ['set the SELinux booleans']],
    ['enforcing', 'Permissive', off, 'permissive', ['set the SELinux booleans', 'setenforce 1', 'write']],
    ['enforcing', 'Disabled', [], 'disabled', ['write']],
    ['keep', 'Permissive', off, 'disabled', []],
  ])('%s, now %s, off %j, in the file %s: %j', (wish, mode, booleansOff, inFile, steps) => {
    const change = plan(wish, mode, booleansOff, inFile === null ? null : config(inFile));
    const titles = change?.steps.map((it) => it.title.replace('write /etc/selinux/config', 'write')) ?? [];
    expect(titles).toEqual(steps);
    if (steps.length > 0) expect(change?.notice).toMatch(/SELinux/);
  });

  it('changes the mode and nothing else of its file', () => {
    const change = plan('disabled', 'Permissive', [], config('enforcing'));
    expect(change?.diff).toContain('-SELINUX=enforcing\n+SELINUX=disabled\n SELINUXTYPE=targeted');
    expect(String(change?.steps[0]?.script)).toContain(config('disabled'));
  });

  it.each([
    ['none\n', { mode: null, booleansOff: [] }],
    ['Disabled\n', { mode: 'Disabled', booleansOff: [] }],
    [
      'Enforcing\nhaproxy_connect_any --> off\nkeepalived_connect_any --> on\n',
      { mode: 'Enforcing', booleansOff: ['haproxy_connect_any'] },
    ],
    ['Enforcing\n', { mode: 'Enforcing', booleansOff: [] }],
  ])('%j', (text, expected) => {
    expect(parsed(selinuxProbe, text)).toEqual(expected);
  });

  it.each([output('', { exitCode: 1 }), output(''), output('getenforce: command failed\n')])(
    'is unknown by %j',
    (answer) => {
      expect(refusal(selinuxProbe, answer)).toMatch(/getenforce/);
    },
  );
});

describe('kernel settings', () => {
  const resource = sysctlResource(contextOf());
  const [fileOf, values] = resource.probes as [Probe<FileFacts>, Probe<Record<string, string>>];
  const text =
    '# Generated by lbctl from its inventory: edits made here will be overwritten.\nnet.ipv4.ip_nonlocal_bind = 1\n';
  const plan = (content: FileFacts, value: unknown) =>
    resource.plan(given([fileOf, content], [values, value])).change;

  it.each([
    ['in the file and in force', file(text), '1', null, 0],
    ['in the file, not in force', file(text), '0', /^net.ipv4.ip_nonlocal_bind is 0, not 1$/, 1],
    ['in force by hand: the rebooted host would lose it', { kind: 'missing' } as const, '1', /: missing$/, 2],
    ['neither', { kind: 'missing' } as const, '0', /missing; net.ipv4.ip_nonlocal_bind is 0, not 1/, 2],
    ['switched off in the file', file(text.replace('= 1', '= 0')), '1', /content differs/, 2],
  ])('%s', (_, content, value, reason, steps) => {
    const change = plan(content, { 'net.ipv4.ip_nonlocal_bind': value });
    if (reason === null) expect(change).toBeNull();
    else expect(change?.reason).toMatch(reason);
    expect(change?.steps.length ?? 0).toBe(steps);
    // Loaded last, from the file.
    if (steps > 0) expect(change?.steps.at(-1)?.title).toBe('load /etc/sysctl.d/90-lbctl.conf');
  });

  it.each([
    output('', { exitCode: 1, stderr: 'cat: /proc/sys/net: No such file' }),
    output(''),
    output('net.ipv4.ip_nonlocal_bind='),
    output('something else\n'),
  ])('are unknown by %j', (answer) => {
    expect(refusal(values, answer)).not.toBeNull();
  });

  it('are read from the kernel itself', () => {
    expect(parsed(values, runShell(values.script).stdout)).toEqual({
      'net.ipv4.ip_nonlocal_bind': expect.stringMatching(/^[01]$/),
    });
  });
});
