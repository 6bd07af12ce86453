import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, holders, on, onBoth, processes, vip } from './support/hosts.js';
import { lbctl } from './support/lbctl.js';
import { codes, healthy, heldBy, startReady, status } from './support/pair.js';
import { until } from './support/until.js';

describe('something breaks on the active host', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    path = await startReady();
    address = await vip();
  });

  afterEach(async () => {
    await heldBy('lb1');
    const { virtual_ips } = await healthy(path);
    expect(virtual_ips).toEqual([{ address, instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }]);
  });

  it('keepalived stopped: lb2 takes the VIP, status says degraded and why', async () => {
    await on('lb1', 'systemctl stop keepalived');
    await heldBy('lb2', 5);
    expect(await ask(`http://${address}/`)).toHaveLength(1);
    const found = await status(path);
    expect(found).toMatchObject({ exit: 5, state: 'degraded' });
    expect(codes(found)).toEqual(['lb1 keepalived_not_running']);
    expect(found.hosts[0]).toMatchObject({ haproxy: 'active', keepalived: 'inactive' });
    expect(found.virtual_ips[0]).toMatchObject({ holders: ['lb2'], expected: 'lb2' });
    expect((await lbctl('status', path)).stdout).toMatch(
      /degraded[\s\S]*lb1: keepalived is inactive: .*\[keepalived_not_running\]/,
    );
    await on('lb1', 'systemctl start keepalived');
  });

  it('HAProxy stopped: lb2 takes the VIP; up starts HAProxy on lb1 again', async () => {
    await on('lb1', 'systemctl stop haproxy');
    await heldBy('lb2', 8);
    const found = await status(path);
    expect(found).toMatchObject({ exit: 5, state: 'degraded' });
    expect(codes(found)).toEqual(['lb1 haproxy_not_running', 'lb1 vrrp_fault']);
    expect(found.hosts[0]?.instances.VI_1?.state).toBe('FAULT');
    expect(await ask(`http://${address}/`)).toHaveLength(1);
    const up = await lbctl('up', path);
    expect(up.exit, up.said).toBe(0);
    expect(up.stderr).toMatch(/web\/lb1: service:haproxy: changed/);
    expect(up.stderr).not.toMatch(/web\/lb2: \S+: (started|changed)/);
  });

  it('HAProxy hung: lb2 takes the VIP, status says that HAProxy runs and does not serve', async () => {
    const { main, children } = await processes('lb1', 'haproxy');
    const all = [main, ...children].join(' ');
    await on('lb1', `kill -STOP ${all}`);
    await heldBy('lb2', 8);
    const found = await status(path);
    expect(found).toMatchObject({ exit: 5, state: 'degraded' });
    expect(codes(found)).toEqual(['lb1 haproxy_not_serving', 'lb1 vrrp_fault']);
    expect(found.hosts[0]?.haproxy).toBe('active');
    expect(await ask(`http://${address}/`)).toHaveLength(1);
    await on('lb1', `kill -CONT ${all}`);
  });

  it('HAProxy killed: systemd starts it again, without lbctl', async () => {
    const before = await processes('lb1', 'haproxy');
    await on('lb1', `kill -KILL ${before.main} ${before.children.join(' ')}`);
    const after = await until('a new HAProxy', async () => {
      const now = await processes('lb1', 'haproxy');
      return now.main !== '0' && now.main !== before.main ? now : undefined;
    });
    expect(after.main).not.toBe(before.main);
  });

  it('keepalived killed: systemd starts it again, without lbctl', async () => {
    const before = await processes('lb1', 'keepalived');
    await on('lb1', `kill -KILL ${before.main} ${before.children.join(' ')}`);
    const after = await until('a new keepalived', async () => {
      const now = await processes('lb1', 'keepalived');
      return now.main !== '0' && now.main !== before.main ? now : undefined;
    });
    expect(after.main).not.toBe(before.main);
  });

  it('HAProxy stopped on both hosts: nobody holds the VIP, status says down', async () => {
    await onBoth('systemctl stop haproxy');
    await until('nobody holds it', async () => ((await holders(address)).length === 0 ? true : undefined));
    const found = await status(path);
    expect(found).toMatchObject({ exit: 5, state: 'down' });
    expect(codes(found)).toContain('no_holder');
    expect(found.virtual_ips[0]).toMatchObject({ holders: [], expected: null });
    await onBoth('systemctl start haproxy');
  });

  it('every server down: status says down, and which ones; one down: degraded', async () => {
    const stopped = on('web2', 'systemctl stop nginx').then(() => on('web1', 'systemctl stop nginx'));
    await stopped;
    const down = await until('down', async () => {
      const found = await status(path);
      return found.state === 'down' ? found : undefined;
    });
    expect(down.exit).toBe(5);
    expect(down.problems.find(({ code }) => code === 'no_server_up')?.message).toMatch(
      /app.*web1 .*DOWN.*web2 .*DOWN/,
    );
    expect(await holders(address)).toEqual(['lb1']);
    await on('web1', 'systemctl start nginx');
    const degraded = await until('degraded', async () => {
      const found = await status(path);
      return found.state === 'degraded' && found.servers[0]?.status.lb2 === 'UP' ? found : undefined;
    });
    expect(degraded.exit).toBe(5);
    expect(codes(degraded)).toEqual(['lb1 server_down', 'lb2 server_down']);
    await on('web2', 'systemctl start nginx');
  });
});
