import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answeringProbe } from '../../../src/resources/probes/answering.js';
import { complaintsProbe } from '../../../src/resources/probes/log-complaints.js';
import type { Probe } from '../../../src/resources/types.js';
import { runShell, temporaryFolder } from '../support/shell.js';

function parsed<F>(probe: Probe<F>, stdout: string): F {
  const result = probe.parse({ stdout, stderr: '', exitCode: 0 });
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const refused = (probe: Probe<unknown>, stdout: string, exitCode = 0) =>
  !probe.parse({ stdout, stderr: '', exitCode }).ok;

describe('who answers for the addresses', () => {
  it('counts each machine once', () => {
    const said =
      'answers 10.0.0.100 02:42:0a:00:00:0b\nanswers 10.0.0.100 02:42:0a:00:00:0c\nanswers 10.0.0.100 02:42:0a:00:00:0b\nunasked fd00::1\nsingle fd00::2\nend\n';
    expect(parsed(answeringProbe, said)).toEqual({
      macs: { '10.0.0.100': ['02:42:0a:00:00:0b', '02:42:0a:00:00:0c'] },
      unasked: ['fd00::1'],
      single: ['fd00::2'],
    });
  });

  it.each([
    ['cut short', 'answers 10.0.0.100 02:42:0a:00:00:0b\n', 0],
    ['no file', '', 1],
  ])('%s is unknown', (_, stdout, exit) => expect(refused(answeringProbe, stdout, exit)).toBe(true));
});

describe("keepalived's complaints", () => {
  const log = (...lines: string[]) =>
    `now 1000.5\n${lines.map((it, at) => `${900 + at}.25 lb1 Keepalived_vrrp[701]: ${it}`).join('\n')}\n`;

  it.each([
    ['SECURITY VIOLATION - scripts are being executed but script_security not enabled.', 'configuration'],
    ['Disabling track script lbctl_haproxy due to insecure', 'configuration'],
    ['Truncating auth_pass to 8 characters', 'configuration'],
    ['(VI_1) received an invalid passwd!', 'packet'],
    ['(VI_1) received a 1 auth, expecting 0!', 'packet'],
    ["(VI_1) advertisement interval mismatch mine=1 sec rcv'd=3 sec", 'packet'],
    ['(VI_1) received an unexpected ip number count 2, expected 1!', 'packet'],
    ['(VI_1) ip address associated with VRID 51 not present in MASTER advert: 10.0.0.1', 'packet'],
    ['bogus VRRP packet received on eth0 !!!', 'packet'],
    ['Track script lbctl_haproxy is being timed out, expect idle - skipping run', 'script'],
  ])('%s', (text, kind) => {
    expect(parsed(complaintsProbe, log(text))).toEqual([{ kind, text, count: 1, age: 100 }]);
  });

  it('counts those that differ in numbers alone, and keeps the last', () => {
    const text = (n: number) => `(VI_1) received an unexpected ip number count ${n}, expected 1!`;
    expect(parsed(complaintsProbe, log(text(2), text(3)))).toEqual([
      { kind: 'packet', text: text(3), count: 2, age: 99 },
    ]);
  });

  it('of two instances are two', () => {
    const text = (name: string) => `(${name}) received an invalid passwd!`;
    const found = parsed(complaintsProbe, log(text('VI_1'), text('VI_2'), text('VI_1')));
    expect(found?.map((it) => `${it.count} ${it.age} ${it.text}`)).toEqual([
      `2 98 ${text('VI_1')}`,
      `1 99 ${text('VI_2')}`,
    ]);
  });

  it('daily life is none', () => {
    const life = ['(VI_1) Entering BACKUP STATE', 'VRRP_Script(lbctl_haproxy) failed (exited with status 1)'];
    expect(parsed(complaintsProbe, log(...life))).toEqual([]);
  });

  it('no journal is not the same as no complaints', () => {
    expect(parsed(complaintsProbe, 'none\n')).toBeNull();
    expect(refused(complaintsProbe, '')).toBe(true);
  });
});

describe('the journal', () => {
  const [NOW, LOADED] = [100_000, 90_000];

  /** What is asked of a journal with these lines: seconds and text. */
  function complaintsIn(lines: readonly (readonly [number, string])[]): string[] {
    const folder = temporaryFolder();
    const program = (name: string, script: string) =>
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const text = lines.map(([at, it]) => `${at}.000000 lb1 Keepalived_vrrp[7]: ${it}\n`).join('');
    writeFileSync(join(folder, 'journal'), text);
    program(
      'systemctl',
      `case $* in *InvocationID*) echo abc ;; *) echo Id=keepalived.service; echo StateChangeTimestampMonotonic=${LOADED}000000 ;; esac`,
    );
    program(
      'journalctl',
      `case $* in
  *--since*) while [ "$1" != --since ]; do shift; done; awk -v since="\${2#@}" '$1 >= since' ${folder}/journal ;;
  *) while [ "$1" != -n ]; do shift; done; tail -n "$2" ${folder}/journal ;;
esac`,
    );
    const asked = `asked_now=${NOW}.4 asked_up=${NOW}.4\n${complaintsProbe.script.text.reveal()}`;
    const found = parsed(complaintsProbe, runShell(asked, { path: folder }).stdout);
    return (found ?? []).map((it) => `${it.kind} ${it.count} ${it.age}`);
  }

  const many = (from: number, count: number, text: string) =>
    Array.from({ length: count }, (_, index) => [from + index, text] as const);
  const bad = '(VI_1) received an invalid passwd!';

  it('says what keepalived thought of its configuration, whatever it said since', () => {
    const start = [LOADED, 'SECURITY VIOLATION - scripts are being executed'] as const;
    const slow = [
      LOADED + 20,
      'Track script lbctl_haproxy is being timed out, expect idle - skipping run',
    ] as const;
    expect(complaintsIn([start, slow, ...many(LOADED + 60, 600, bad)])).toEqual([
      'configuration 1 10000',
      'packet 200 9341',
      'script 1 9980',
    ]);
    // Beyond the last lines that are looked at.
    expect(complaintsIn([start, slow, ...many(LOADED + 60, 6000, bad)])).toEqual([
      'configuration 1 10000',
      'packet 200 3941',
    ]);
  });

  it('counts a complaint once that is among the first and the last lines', () => {
    const text = "(/etc/keepalived/keepalived.conf: Line 3) Unknown keyword 'nonsense'";
    expect(
      complaintsIn([
        [LOADED - 500, text],
        [LOADED, text],
      ]),
    ).toEqual(['configuration 2 10000']);
  });
});
