import { beforeAll, describe, expect, it } from 'vitest';
import { reboot, startClientLoop } from '../lab/lab.js';
import { EL, handsOver } from './support/cluster.js';
import { ask, labHost, on, onBoth, vip } from './support/hosts.js';
import { lbctl } from './support/lbctl.js';
import { healthy, heldBy, startReady } from './support/pair.js';
import { until } from './support/until.js';

/** When the machine's first process started, in ticks since the engine's machine did. */
const BOOT = "cut -d' ' -f22 /proc/1/stat";

async function heldByLb2(): Promise<boolean> {
  return (await on('lb2', `ip -o addr show to ${await vip()}`)) !== '';
}

describe('machines reboot, and nobody runs lbctl', () => {
  let path: string;
  let url: string;

  beforeAll(async () => {
    path = await startReady();
    url = `http://${await vip()}/`;
  });

  it('the standby: no request fails, and it is a standby again', async () => {
    const before = await on('lb2', BOOT);
    const loop = await startClientLoop(url);
    await reboot(labHost('lb2'));
    const { state } = await healthy(path);
    const report = await loop.stop();
    expect(state).toBe('healthy');
    expect(await on('lb2', BOOT)).not.toBe(before);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    expect(report.requests).toBeGreaterThan(50);
  });

  it('the active host: lb2 takes over meanwhile, and lb1 has the VIP again', async () => {
    const loop = await startClientLoop(url);
    const back = reboot(labHost('lb1'));
    await until('lb2 holds the VIP', async () => (await heldByLb2()) || undefined);
    await back;
    await heldBy('lb1');
    await healthy(path);
    const report = await loop.stop();
    // Whatever the machine's shutdown cost: the outage is a takeover's, not a reboot's.
    expect(report.longestGapMs).toBeLessThan(5000);
    expect(report.requests - report.failed).toBeGreaterThan(100);
    await handsOver(await vip(), EL);
  });

  it('both at once: the pair is whole again by itself', async () => {
    await reboot([labHost('lb1'), labHost('lb2')]);
    await heldBy('lb1', 30);
    await healthy(path);
    expect((await ask(url, 4)).sort()).toEqual([
      'This is Web1',
      'This is Web1',
      'This is Web2',
      'This is Web2',
    ]);
    await handsOver(await vip(), EL);
    expect((await lbctl('plan', path)).exit).toBe(0);
    expect(
      await onBoth('systemctl is-active firewalld; systemctl is-failed haproxy keepalived; true'),
    ).toEqual(['inactive\nactive\nactive', 'inactive\nactive\nactive']);
  });
});
