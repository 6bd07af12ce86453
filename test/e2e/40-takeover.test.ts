import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ClientLoopReport, powerOff, powerOn, reboot, startClientLoop } from '../lab/lab.js';
import { EL, handsOver } from './support/cluster.js';
import { holders, on, vip } from './support/hosts.js';
import { healthy, heldBy, startReady } from './support/pair.js';
import { until } from './support/until.js';

const DOWN = '/run/keepalived.lbctl-haproxy-down';

/** Bounds for a machine that is ten times slower than a quiet one; what was measured there stands in the documents. */
describe('what a client sees while the active host loses something', () => {
  let path: string;
  let address: string;

  /** What a client saw from shortly before `fault` until the VIP was on `holder`, and a little longer. */
  async function during(fault: () => Promise<unknown>, holder: 'lb1' | 'lb2'): Promise<ClientLoopReport> {
    const loop = await startClientLoop(`http://${address}/`, { intervalMs: 20, timeoutMs: 2500 });
    await fault();
    await heldBy(holder);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return loop.stop();
  }

  const mark = () => on('lb1', `cat ${DOWN}`);
  const nothingLingers = () =>
    until('nothing lingers on lo', async () =>
      (await on('lb1', `ip -o addr show dev lo to ${address}`)) === '' ? true : undefined,
    );

  beforeAll(async () => {
    path = await startReady();
    address = await vip();
  });

  afterEach(async () => {
    await heldBy('lb1');
    await nothingLingers();
    // The address may not have left yet when a service has just died.
    await until('mark 0', async () => ((await mark()) === '0' ? true : undefined));
    await heldBy('lb1');
    await healthy(path);
  });

  it.each(['haproxy', 'keepalived'])('%s stopped and started by hand: no outage', async (service) => {
    const stopped = await during(() => on('lb1', `systemctl stop ${service}`), 'lb2');
    expect(stopped.failed).toBeLessThanOrEqual(2);
    if (service === 'haproxy') expect(await mark()).toBe('1');
    const back = await during(() => on('lb1', `systemctl start ${service}`), 'lb1');
    expect(back.failed).toBeLessThanOrEqual(2);
  });

  it('keepalived killed, both processes: one holder in the end, no outage', async () => {
    const seen = await during(() => on('lb1', 'systemctl kill -s KILL keepalived'), 'lb1');
    expect(seen.failed).toBeLessThanOrEqual(5);
  });

  it('HAProxy killed once: nothing moves; again within five seconds: it moves, and comes back', async () => {
    await on('lb1', 'systemctl kill -s KILL haproxy');
    await until('a new HAProxy', async () =>
      (await on('lb1', 'systemctl is-active haproxy || true')) === 'active' ? true : undefined,
    );
    expect(await holders(address)).toEqual(['lb1']);
    expect(await mark()).toBe('0');
    // Held down for the second time: systemd's own restart clears the mark.
    await on('lb1', 'systemctl kill -s KILL haproxy');
  });

  it('HAProxy cannot start: the VIP leaves, tries are a second apart, a mended one takes it back', async () => {
    await on(
      'lb1',
      'cp -p /etc/haproxy/haproxy.cfg /root/kept.cfg && echo nonsense >>/etc/haproxy/haproxy.cfg',
    );
    await on('lb1', 'systemctl kill -s KILL haproxy');
    await heldBy('lb2');
    const tries =
      'journalctl -u haproxy --since -5s -o cat --no-pager | grep -c "Fatal errors\\|failed" || true';
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(Number(await on('lb1', tries))).toBeLessThan(30);
    await on('lb1', 'cp -p /root/kept.cfg /etc/haproxy/haproxy.cfg && systemctl restart haproxy');
  });

  it('a healed partition: clients find the winner at once', async () => {
    await powerOff('el1');
    await until('lb2 holds it', async () => ((await holders(address)).includes('lb2') ? true : undefined));
    const seen = await during(() => powerOn('el1'), 'lb1');
    expect(seen.longestGapMs).toBeLessThan(3000);
  });

  it('cut off for so long that its HAProxy gave the servers up: it asks them again at once', async () => {
    await powerOff('el1');
    const down = `journalctl -u haproxy -o cat --no-pager --since "$(cat /run/cut-off)" | grep -c 'has no server available' || true`;
    await on('lb1', `date '+%F %T' >/run/cut-off`);
    await until('no server', async () => (Number(await on('lb1', down)) > 0 ? true : undefined), 30);
    const seen = await during(() => powerOn('el1'), 'lb1');
    // Two questions 2 s apart would be 4 s.
    expect(seen.longestGapMs).toBeLessThan(3000);
  });
});

describe('no mark keeps a healthy host out', () => {
  const active = () =>
    until('HAProxy active, mark 0', async () =>
      (await on('lb1', `systemctl is-active haproxy; cat ${DOWN}`)) === 'active\n0' ? true : undefined,
    );

  it.each([
    ['restarted by hand', 'systemctl restart haproxy'],
    ['stopped and started at once', 'systemctl --no-block stop haproxy; systemctl start haproxy'],
    [
      'daemon-reload while it stops',
      'systemctl --no-block stop haproxy; systemctl daemon-reload; systemctl start haproxy',
    ],
    [
      'the hook itself killed',
      'systemctl --no-block stop haproxy; sleep 0.1; systemctl kill -s KILL haproxy; sleep 1; systemctl start haproxy',
    ],
    ['a mark that is not true, and keepalived restarted', `echo 1 >${DOWN}; systemctl restart keepalived`],
    ['the files gone, and keepalived restarted', `rm -f ${DOWN}; systemctl restart keepalived`],
    ['keepalived restarted by hand', 'systemctl restart keepalived'],
    [
      'daemon-reload while keepalived stops',
      'systemctl --no-block stop keepalived; systemctl daemon-reload; systemctl start keepalived',
    ],
    [
      'an old mark, mended by the check',
      `touch -d "-60 seconds" ${DOWN}; echo 1 >${DOWN}; touch -d "-60 seconds" ${DOWN}`,
    ],
  ])('%s', async (_, command) => {
    await on('lb1', command);
    await active();
    await handsOver(await vip(), EL);
  });

  it.each([
    ['HAProxy was stopped', 'systemctl stop haproxy'],
    ['HAProxy was about to stop', `echo 1 >${DOWN}`],
  ])('power lost while %s', async (_, command) => {
    await on('lb1', command);
    await reboot('el1', { hard: true });
    await active();
    await handsOver(await vip(), EL);
  });
});
