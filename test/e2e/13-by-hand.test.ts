import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { ask, holders, on, onBoth, PAIR, vip } from './support/hosts.js';
import { lbctl, planOf, summaryOf } from './support/lbctl.js';
import { healthy, heldBy, inventory, startBare } from './support/pair.js';
import { until } from './support/until.js';

/** What people copy: a check that never passes, no priority to speak of, `vrrp_strict`-free but without script security. */
const recipe = (address: string, state: string, priority: number) => `! by hand
vrrp_script chk {
  script "/usr/bin/timeout 2 bash -c '</dev/tcp/127.0.0.1/80' || pidof haproxy"
  interval 2
  weight -60
}
vrrp_instance VI_1 {
  state ${state}
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass 1111
  }
  virtual_ipaddress {
    ${address}/24
  }
  track_script {
    chk
  }
}
`;

const ownHaproxy = (address: string, server: string) => `# by hand
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend legacy
  bind ${address}:80
  bind *:8088
  default_backend old
backend old
  server only ${server}:80
`;

describe('hosts that somebody prepared by hand', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    await startBare();
    path = await inventory('pair.yaml');
    address = await vip();
    const { hosts } = await labInfo();
    await onBoth('dnf -yq install haproxy keepalived && sysctl -qw net.ipv4.ip_nonlocal_bind=1');
    for (const [host, state, priority] of [
      ['lb1', 'MASTER', 100],
      ['lb2', 'BACKUP', 90],
    ] as const) {
      await on(host, 'cat >/etc/haproxy/haproxy.cfg', { stdin: ownHaproxy(address, hosts.web1.address) });
      await on(host, 'cat >/etc/keepalived/keepalived.conf', { stdin: recipe(address, state, priority) });
      await on(host, 'systemctl start keepalived');
    }
    await on('lb1', 'systemctl restart haproxy');
    // firewalld drops VRRP: both hold the address. Then lb2's keepalived dies, and leaves it there.
    await until('both hold the VIP', async () => ((await holders(address)).length === 2 ? true : undefined));
    await on('lb2', 'systemctl -q mask haproxy; systemctl kill -s KILL keepalived');
    await until('keepalived has failed', async () =>
      (await on('lb2', 'systemctl is-failed keepalived || true')) === 'failed' ? true : undefined,
    );
  });

  it('plan names what is wrong with each', async () => {
    const plan = await lbctl('plan', path, '--json');
    expect(plan.exit, plan.said).toBe(2);
    const reasons = Object.fromEntries(
      planOf(plan).changes.map(({ host, resource, reason }) => [`${host} ${resource}`, reason]),
    );
    expect(reasons['lb1 packages']).toBeUndefined();
    expect(reasons['lb1 service:haproxy']).toContain('not enabled');
    expect(reasons['lb1 service:haproxy']).not.toContain('not running');
    expect(reasons['lb2 service:haproxy']).toContain('masked');
    expect(reasons['lb2 service:keepalived']).toContain('failed');
    expect(
      planOf(plan).changes.find(({ host, resource }) => host === 'lb1' && resource === 'haproxy_config')
        ?.diff,
    ).toMatch(/^-frontend legacy$/m);
    expect(plan.said).not.toContain('1111');
  });

  it('up converges them into a pair', async () => {
    const pid = await on('lb1', 'systemctl show haproxy -p MainPID --value');
    const up = await lbctl('up', path, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(summaryOf(up).hosts).toMatchObject({ lb1: { status: 'changed' }, lb2: { status: 'changed' } });
    expect(up.said).not.toContain('1111');
    // What ran was reloaded, not restarted.
    expect(await on('lb1', 'systemctl show haproxy -p MainPID --value')).toBe(pid);
    await heldBy('lb1');
    await healthy(path);
    const answers = await ask(`http://${address}/`, 4);
    expect(answers.filter((it) => it === 'This is Web2')).toHaveLength(2);
    expect(await onBoth('systemctl is-enabled haproxy keepalived; ss -Hltn "sport = :8088"')).toEqual([
      'enabled\nenabled',
      'enabled\nenabled',
    ]);
    expect((await lbctl('plan', path)).exit).toBe(0);
  });

  it('and keeps what they were like before in generation 0', async () => {
    for (const host of PAIR) {
      const kept = await on(
        host,
        `cd /var/lib/lbctl/generations/0 && head -1 files/etc/haproxy/haproxy.cfg files/etc/keepalived/keepalived.conf && cat states`,
      );
      expect(kept, host).toContain('# by hand');
      expect(kept, host).toContain('! by hand');
      expect(kept, host).toMatch(/^package\.haproxy=haproxy-\d/m);
      expect(kept, host).toContain('net.ipv4.ip_nonlocal_bind=1');
      expect(kept, host).toContain(
        host === 'lb1' ? 'haproxy.ActiveState=active' : 'haproxy.LoadState=masked',
      );
      expect(kept, host).toContain(
        host === 'lb1' ? 'keepalived.ActiveState=active' : 'keepalived.ActiveState=failed',
      );
    }
  });

  it('the pair takes a failure, which the recipe did not', async () => {
    await on('lb1', 'systemctl stop haproxy');
    await heldBy('lb2', 8);
    expect(await ask(`http://${address}/`)).toHaveLength(1);
    await on('lb1', 'systemctl start haproxy');
    await heldBy('lb1');
    expect((await healthy(path)).state).toBe('healthy');
  });
});
