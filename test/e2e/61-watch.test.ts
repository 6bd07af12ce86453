import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../lab/lab.js';
import { on } from './support/hosts.js';
import { type StatusJson, start } from './support/lbctl.js';
import { healthy, heldBy, startReady } from './support/pair.js';
import { watchOnTerminal } from './support/terminal.js';

/** One pair, looked at three ways while the VIP moves. */
describe('lbctl status --watch', () => {
  let path: string;

  beforeAll(async () => {
    path = await startReady();
    await heldBy('lb1');
  });

  // A story that ended early must not spoil the next.
  afterEach(() => on('lb1', 'systemctl start haproxy keepalived'));

  it('prints a failover and a lost host one line a change, keeps one connection a host, and ends with 130', async () => {
    const run = start('status', '--watch', '--interval', '1', path);
    await run.saw(/ web: VIP [\d.]+ held by lb1\n/);
    const logins = () => on('lb1', 'ss -Htn state established "( sport = :22 )" | wc -l');
    const open = await logins();
    await on('lb1', 'systemctl stop haproxy');
    await run.saw(/ web: VIP [\d.]+ held by lb2 \(was (lb1|nobody)\)\n/);
    await run.saw(/ web: ! lb1: haproxy is inactive.* \[haproxy_not_running\]\n/);
    await on('lb1', 'systemctl start haproxy');
    await run.saw(/ web: VIP [\d.]+ held by lb1 \(was (lb2|nobody)\)\n/);
    await run.saw(/ web: (degraded|down) -> healthy\n/);
    await powerOff('el2');
    try {
      await run.saw(/ web: lb2: out of reach\n/);
      expect(await logins()).toBe(open);
    } finally {
      await powerOn('el2');
    }
    await run.saw(/ web: lb2: is back\n/);
    run.child.kill('SIGINT');
    const ended = await run.ended;
    expect(ended.exit, ended.said).toBe(130);
    for (const line of ended.stdout.trim().split('\n'))
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z web: [ -~]+$/);
    expect(ended.stderr).toBe('');
    await healthy(path);
  });

  it('--json: one document a line, only when something changed', async () => {
    const run = start('status', '--watch', '--interval', '1', '--json', path);
    await run.saw(/"state":"healthy".*\n/);
    await on('lb1', 'sleep 3; systemctl stop keepalived');
    await run.saw(/"holders":\["lb2"\].*\n/);
    await on('lb1', 'systemctl start keepalived');
    await run.saw(/"holders":\["lb2"\][\s\S]*\n.*"state":"healthy".*\n/);
    run.child.kill('SIGTERM');
    const { exit, stdout } = await run.ended;
    expect(exit).toBe(130);
    const documents = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { clusters: StatusJson[] });
    expect(documents[0]?.clusters[0]?.virtual_ips[0]?.holders).toEqual(['lb1']);
    for (const [n, it] of documents.entries()) expect(it).not.toEqual(documents[n - 1]);
    await healthy(path);
  });

  it('on a terminal is drawn in place, and leaves cursor and screen as they were', async () => {
    const seen = await watchOnTerminal(
      ['status', '--watch', '--interval', '1', path],
      [
        [/VI_1 +held by lb1/, () => on('lb1', 'systemctl stop keepalived')],
        [/VI_1 +held by lb2/, () => on('lb1', 'systemctl start keepalived')],
        [/VI_1 +held by lb1/, null],
      ],
    );
    expect(seen.exit).toBe(130);
    // Up to the first line, and from there on anew.
    expect(seen.text.match(/\x1b\[\d+A\r\x1b\[0J/g)?.length).toBeGreaterThan(2);
    // No hidden cursor, no other screen, no colour that goes on.
    expect(seen.text).not.toMatch(/\x1b\[\?/);
    expect(seen.text.trimEnd().split('\n').at(-1)).not.toMatch(/\x1b\[3\d?m[^\x1b]*$/);
    await healthy(path);
  });
});
