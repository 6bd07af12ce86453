import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { throughWires } from '../faults/support/through-wires.js';
import { labInfo, startClientLoop } from '../lab/lab.js';
import { type Lb, labHost, onBoth, vip } from './support/hosts.js';
import { lbctl, type Run, start } from './support/lbctl.js';
import { healthy, inventory, startReady } from './support/pair.js';
import { openSlowWire, type SlowWire } from './support/slow-wire.js';

/** A changed line of haproxy.cfg, over links and servers as one meets them. */
describe('up where the network or the server is not what one would wish for', () => {
  let edits = 0;
  const open: SlowWire[] = [];

  beforeAll(async () => {
    await startReady();
  });

  afterAll(() => Promise.all(open.map((it) => it.close())));

  /** Another timeout than before; `see` is what the hosts have then. */
  async function edited(): Promise<{ path: string; see: string }> {
    const see = `timeout client 4${++edits}s`;
    const path = await inventory(`edit-${edits}.yaml`, (file) => {
      file.clusters.web.haproxy.frontends.main.lines = [see];
    });
    return { path, see };
  }

  async function wires(delayMs: number): Promise<Record<Lb, SlowWire>> {
    const { hosts } = await labInfo();
    const one = async (host: Lb) => {
      const wire = await openSlowWire(hosts[labHost(host)].ssh_port, delayMs);
      open.push(wire);
      return wire;
    };
    return { lb1: await one('lb1'), lb2: await one('lb2') };
  }

  /** Runs the change beside a client; both hosts have it in the end, and the client has noticed nothing. */
  async function servedThroughout(
    change: { path: string; see: string },
    run: () => Promise<Run>,
  ): Promise<Run> {
    const loop = await startClientLoop(`http://${await vip()}/`);
    const up = await run().finally(async () => {
      const report = await loop.stop();
      expect(report.failed, JSON.stringify(report.errors)).toBe(0);
      expect(report.requests).toBeGreaterThan(50);
    });
    expect(up.exit, up.said).toBe(0);
    expect(await onBoth(`grep -c '${change.see}' /etc/haproxy/haproxy.cfg`)).toEqual(['1', '1']);
    await healthy(change.path);
    return up;
  }

  it('200 ms there and back cost time only', async () => {
    const change = await edited();
    const far = await throughWires(change.path, await wires(100));
    const up = await servedThroughout(change, () => lbctl('up', far));
    // One connection alone takes five round trips: it did go the long way.
    expect(up.ms).toBeGreaterThan(1000);
  });

  it('a link that stalls for 20 s in the middle of the change: it is waited for', async () => {
    const change = await edited();
    const both = await wires(0);
    const path = await throughWires(change.path, both);
    const up = await servedThroughout(change, async () => {
      const running = start('up', path);
      await running.saw(/web: apply: started/);
      both.lb1.stall(20_000);
      both.lb2.stall(20_000);
      return running.ended;
    });
    expect(up.ms).toBeGreaterThan(20_000);
    expect(up.said).not.toMatch(/rolled back|gone back/);
  });

  it('a connection cut in the middle of the change: lbctl connects again, looks, and goes on', async () => {
    const change = await edited();
    const both = await wires(0);
    const path = await throughWires(change.path, both);
    const up = await servedThroughout(change, async () => {
      const running = start('up', path);
      await running.saw(/web\/lb2: haproxy_config: started/);
      both.lb2.cut();
      return running.ended;
    });
    expect(up.said).toContain('the connection was lost in the middle of a change');
    expect(up.said).toContain('connected again');
    expect(up.said).not.toMatch(/rolled back|gone back/);
  });

  it('an sshd without sftp that allows two sessions at once', async () => {
    const config = '/etc/ssh/sshd_config';
    await onBoth(
      `cp -a ${config} ${config}.was && sed -i -E '/^ *(Subsystem|MaxSessions)[[:space:]]/d' ${config} && sed -i '1i MaxSessions 2' ${config} && sshd -t && systemctl reload ssh 2>/dev/null || systemctl reload sshd`,
    );
    try {
      expect(await onBoth('sshd -T | grep -E "^(subsystem|maxsessions)"')).toEqual([
        'maxsessions 2',
        'maxsessions 2',
      ]);
      const change = await edited();
      await servedThroughout(change, () => lbctl('up', change.path));
    } finally {
      await onBoth(`mv ${config}.was ${config}; systemctl reload ssh 2>/dev/null || systemctl reload sshd`);
    }
  });

  it('an sshd that knows no other cipher than chacha20-poly1305', async () => {
    const config = '/etc/ssh/sshd_config';
    const cipher = 'chacha20-poly1305@openssh.com';
    await onBoth(
      `cp -a ${config} ${config}.was && sed -i '1i Ciphers ${cipher}' ${config} && sshd -t && systemctl reload ssh 2>/dev/null || systemctl reload sshd`,
    );
    try {
      // By the running one, not only by its file.
      const asked = `ssh -v -o BatchMode=yes -o StrictHostKeyChecking=no -c aes128-gcm@openssh.com 127.0.0.1 true 2>&1 | grep -o 'no matching cipher found'`;
      expect(await onBoth(asked)).toEqual(['no matching cipher found', 'no matching cipher found']);
      const change = await edited();
      await servedThroughout(change, () => lbctl('up', change.path));
    } finally {
      await onBoth(`mv ${config}.was ${config}; systemctl reload ssh 2>/dev/null || systemctl reload sshd`);
    }
  });
});
