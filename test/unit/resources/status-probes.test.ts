import { describe, expect, it } from 'vitest';
import { answeringProbe } from '../../../src/resources/probes/answering.js';
import { complaintsProbe } from '../../../src/resources/probes/log-complaints.js';
import type { Probe } from '../../../src/resources/types.js';

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
      'answers 10.0.0.100 02:42:0a:00:00:0b\nanswers 10.0.0.100 02:42:0a:00:00:0c\nanswers 10.0.0.100 02:42:0a:00:00:0b\nunasked fd00::1\nend\n';
    expect(parsed(answeringProbe, said)).toEqual({
      macs: { '10.0.0.100': ['02:42:0a:00:00:0b', '02:42:0a:00:00:0c'] },
      unasked: ['fd00::1'],
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

  it('daily life is none', () => {
    const life = ['(VI_1) Entering BACKUP STATE', 'VRRP_Script(lbctl_haproxy) failed (exited with status 1)'];
    expect(parsed(complaintsProbe, log(...life))).toEqual([]);
  });

  it('no journal is not the same as no complaints', () => {
    expect(parsed(complaintsProbe, 'none\n')).toBeNull();
    expect(refused(complaintsProbe, '')).toBe(true);
  });
});
