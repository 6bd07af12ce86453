import { beforeAll, describe, expect, it } from 'vitest';
import { type Lb, on, onBoth, processes, realChanges, snapshot } from './support/hosts.js';
import { lbctl, planned, planOf, summaryOf } from './support/lbctl.js';
import { healthy, heldBy, startReady } from './support/pair.js';
import { until } from './support/until.js';

/** HAProxy takes an edit, and the file goes back to what it should be behind its back. */
async function loseReload(host: Lb): Promise<void> {
  const before = await processes(host, 'haproxy');
  await on(
    host,
    'cd /etc/haproxy && cp -p haproxy.cfg /root/right.cfg && sed -i "s/retries 3/retries 2/" haproxy.cfg',
  );
  await on(host, 'systemctl reload haproxy');
  await until('a new worker, and the old one gone', async () => {
    const { children } = await processes(host, 'haproxy');
    return children.length === 1 && children[0] !== before.children[0] ? true : undefined;
  });
  // Clocks are no finer than that: a file that was written right then may be the one that was read.
  await on(host, 'sleep 0.3; cat /root/right.cfg >/etc/haproxy/haproxy.cfg; rm /root/right.cfg');
}

describe('what was changed by hand on one host', () => {
  let path: string;

  beforeAll(async () => {
    path = await startReady();
    await heldBy('lb1');
  });

  it('on the standby: a file edited, a service stopped, a kernel setting set back', async () => {
    await on('lb2', 'echo "# by hand" >>/etc/haproxy/haproxy.cfg && systemctl stop keepalived');
    await on('lb2', 'echo 0 >/proc/sys/net/ipv4/ip_nonlocal_bind');
    const plan = await lbctl('plan', path, '--json');
    expect(plan.exit, plan.said).toBe(2);
    expect(planned(plan)).toEqual([
      'lb2 haproxy_config',
      'lb2 service:haproxy',
      'lb2 service:keepalived',
      'lb2 sysctl',
    ]);
    const reasons = planOf(plan)
      .changes.map(({ reason }) => reason)
      .join('\n');
    expect(reasons).toContain('net.ipv4.ip_nonlocal_bind is 0, not 1');
    expect(reasons).toContain('not running (inactive)');
    expect(planOf(plan).changes.find(({ diff }) => diff !== null)?.diff).toMatch(/^-# by hand$/m);

    const active = await snapshot('lb1');
    const up = await lbctl('up', path, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(realChanges(active, await snapshot('lb1'))).toEqual([]);
    expect(summaryOf(up).hosts).toMatchObject({
      lb1: { status: 'ok', changed: [] },
      lb2: { status: 'changed' },
    });
    expect([...(summaryOf(up).hosts.lb2?.changed ?? [])].sort()).toEqual([
      'haproxy_config',
      'service:keepalived',
      'sysctl',
    ]);
    expect(await on('lb2', 'cat /proc/sys/net/ipv4/ip_nonlocal_bind')).toBe('1');
    const [one, other] = await onBoth('sha256sum </etc/haproxy/haproxy.cfg');
    expect(other).toBe(one);
    const kept = `/var/lib/lbctl/generations/$(ls /var/lib/lbctl/generations | sort -n | tail -1)`;
    expect(await on('lb2', `tail -1 ${kept}/files/etc/haproxy/haproxy.cfg; cat ${kept}/run`)).toMatch(
      /^# by hand\nnumber=\d+\nwho=\S+/,
    );
    expect((await lbctl('plan', path)).exit).toBe(0);
  });

  it('on the active host: a mode changed, services disabled, a reload lost', async () => {
    await loseReload('lb1');
    await on('lb1', 'chmod 644 /etc/keepalived/keepalived.conf; systemctl -q disable haproxy keepalived');
    const seen = await lbctl('status', path, '--json');
    expect(seen.exit).toBe(5);
    expect(seen.stdout.match(/"service_not_enabled"/g)).toHaveLength(2);
    const plan = await lbctl('plan', path, '--json');
    expect(plan.exit, plan.said).toBe(2);
    expect(planned(plan)).toEqual(['lb1 keepalived_config', 'lb1 service:haproxy', 'lb1 service:keepalived']);
    const [config, haproxy] = ['keepalived_config', 'service:haproxy'].map(
      (id) => planOf(plan).changes.find(({ resource }) => resource === id)?.reason,
    );
    expect(config).toContain('mode 644, not 0640');
    expect(haproxy).toContain('not enabled');
    expect(haproxy).toContain('runs an older configuration');

    const standby = await snapshot('lb2');
    const before = await on('lb1', 'systemctl show keepalived haproxy -p MainPID');
    const up = await lbctl('up', path, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(realChanges(standby, await snapshot('lb2'))).toEqual([]);
    expect(await on('lb1', 'systemctl show keepalived haproxy -p MainPID')).toBe(before);
    expect(
      await on('lb1', 'stat -c %a /etc/keepalived/keepalived.conf; systemctl is-enabled haproxy keepalived'),
    ).toBe('640\nenabled\nenabled');
    expect(up.stdout).toContain('"resource":"reload haproxy"');
    expect(up.stdout).not.toContain('"resource":"reload keepalived"');
    expect((await lbctl('plan', path)).exit).toBe(0);
    await healthy(path);
  });

  it('a reload lost and nothing else: the service is reloaded, and counted as changed', async () => {
    await loseReload('lb2');
    const before = await processes('lb2', 'haproxy');
    const plan = await lbctl('plan', path, '--json');
    expect(planned(plan)).toEqual(['lb2 service:haproxy']);
    const up = await lbctl('up', path, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(summaryOf(up).hosts).toMatchObject({
      lb1: { status: 'ok', changed: [] },
      lb2: { status: 'changed', changed: ['service:haproxy'] },
    });
    const after = await processes('lb2', 'haproxy');
    expect(after.main).toBe(before.main);
    expect(after.children).not.toEqual(before.children);
    expect((await lbctl('plan', path)).exit).toBe(0);
  });

  it('with --limit, only the named host is repaired', async () => {
    await Promise.all([
      on('lb1', 'chmod 600 /etc/haproxy/haproxy.cfg'),
      on('lb2', 'chmod 600 /etc/haproxy/haproxy.cfg'),
    ]);
    const up = await lbctl('up', path, '--limit', 'web/lb2');
    expect(up.exit, up.said).toBe(0);
    expect(await on('lb1', 'stat -c %a /etc/haproxy/haproxy.cfg')).toBe('600');
    expect(await on('lb2', 'stat -c %a /etc/haproxy/haproxy.cfg')).toBe('640');
    expect((await lbctl('up', path)).exit).toBe(0);
    expect(await on('lb1', 'stat -c %a /etc/haproxy/haproxy.cfg')).toBe('640');
  });
});
