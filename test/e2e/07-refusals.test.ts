import { type AddressInfo, createServer, type Server } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn, startClientLoop } from '../lab/lab.js';
import { labHost, on, PAIR, realChanges, type Snapshot, snapshot, vip } from './support/hosts.js';
import { lbctl, statusOf, summaryOf } from './support/lbctl.js';
import { codes, healthy, type InventoryFile, inventory, startReady } from './support/pair.js';

describe('what cannot be done is refused', () => {
  let ready: string;
  let url: string;

  beforeAll(async () => {
    ready = await startReady();
    url = `http://${await vip()}/`;
  });

  async function pairSnapshot(): Promise<Snapshot[]> {
    return Promise.all(PAIR.map(snapshot));
  }

  /** What became of the hosts since; generations and a directory's time do not count. */
  async function changesSince(before: Snapshot[]): Promise<string[]> {
    const after = await pairSnapshot();
    return before
      .flatMap((was, index) => {
        const is = after[index];
        return is === undefined ? ['no snapshot'] : realChanges(was, is);
      })
      .filter((it) => !/^file (\/var\/lib\/lbctl\/generations|\/etc\/haproxy:)/.test(it));
  }

  it('a configuration that HAProxy refuses: its own words, and both hosts as they were', async () => {
    const path = await inventory('refused.yaml', ({ clusters: { web } }) => {
      web.haproxy.frontends.main.lines = ['http-request frobnicate everything'];
    });
    const before = await pairSnapshot();
    const loop = await startClientLoop(url);
    const run = await lbctl('up', path, '--json');
    const report = await loop.stop();
    expect(run.exit, run.said).toBe(1);
    expect(run.stderr).toMatch(/web\/lb2: .*write \/etc\/haproxy\/haproxy\.cfg failed/);
    expect(run.stderr).toContain("'http-request' expects");
    expect(run.stderr).toMatch(/'frobnicate'/);
    expect(summaryOf(run)).toMatchObject({
      ok: false,
      hosts: { lb1: { status: 'skipped', changed: [] }, lb2: { status: 'failed', changed: [] } },
    });
    expect(await changesSince(before)).toEqual([]);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    await healthy(ready);
    expect((await lbctl('plan', ready)).exit).toBe(0);
  });

  it('an inventory with mistakes: all of them at once, exit 3, nothing contacted', async () => {
    let connections = 0;
    const servers = await Promise.all(PAIR.map(() => listen(() => connections++)));
    const ports = servers.map((server) => (server.address() as AddressInfo).port);
    try {
      const leadHere = ({ clusters: { web } }: InventoryFile) => {
        PAIR.forEach((host, index) => {
          web.hosts[host].ssh = { hostname: '127.0.0.1', port: ports[index], connect_timeout: 2 };
        });
      };
      const wrong = await inventory('wrong.yaml', (file) => {
        leadHere(file);
        file.clusters.web.haproxy.frontends.main.default_backend = 'appp';
        Object.assign(file.clusters.web, { vrrp_instance: {} });
      });
      for (const command of ['validate', 'plan', 'status', 'up']) {
        const run = await lbctl(command, wrong);
        expect(run.exit, command).toBe(3);
        expect(run.stderr).toMatch(/wrong\.yaml:\d+:\d+: .*appp/);
        expect(run.stderr).toMatch(/wrong\.yaml:\d+:\d+: .*vrrp_instance/);
        expect(run.stderr).toMatch(/\^/);
      }
      expect((await lbctl('up', ready, '--parallel', 'many')).exit).toBe(3);
      expect((await lbctl('up', '/nowhere/inventory.yaml')).exit).toBe(3);
      expect(connections).toBe(0);
      // The same addresses in a right inventory are contacted: the count does count.
      expect((await lbctl('plan', await inventory('right.yaml', leadHere))).exit).toBe(4);
      expect(connections).toBeGreaterThan(0);
    } finally {
      for (const server of servers) server.close();
    }
  });

  it('a host that is off: exit 4, the other one untouched, and status goes on with the rest', async () => {
    const edited = await inventory('edited.yaml', ({ ssh, clusters: { web } }) => {
      ssh.connect_timeout = 2;
      web.haproxy.backends.app.balance = 'leastconn';
    });
    const before = await snapshot('lb1');
    await powerOff(labHost('lb2'));
    try {
      const [up, plan, seen] = await Promise.all([
        lbctl('up', edited, '--json'),
        lbctl('plan', edited, '--json'),
        lbctl('status', edited, '--json'),
      ]);
      expect([up.exit, plan.exit, seen.exit]).toEqual([4, 4, 4]);
      expect(summaryOf(up).hosts).toMatchObject({
        lb1: { status: 'skipped', changed: [] },
        lb2: { status: 'unreachable', changed: [] },
      });
      expect(statusOf(seen)).toMatchObject({
        state: 'degraded',
        hosts: [{ reachable: true }, { reachable: false, haproxy: null }],
      });
      expect(codes(statusOf(seen))).toContain('lb2 host_unreachable');
      expect(realChanges(before, await snapshot('lb1'))).toEqual([]);
    } finally {
      await powerOn(labHost('lb2'));
    }
    await healthy(ready);
  });

  it('a host whose sshd is stopped: exit 4, the other one untouched', async () => {
    const edited = await inventory('edited.yaml', ({ ssh, clusters: { web } }) => {
      ssh.connect_timeout = 2;
      web.haproxy.backends.app.balance = 'leastconn';
    });
    const before = await snapshot('lb2');
    await on('lb1', 'systemctl stop ssh');
    try {
      const up = await lbctl('up', edited);
      expect(up.exit, up.said).toBe(4);
      expect(up.stdout).toMatch(/^ *lb1 +unreachable/m);
      expect(realChanges(before, await snapshot('lb2'))).toEqual([]);
    } finally {
      await on('lb1', 'systemctl start ssh');
    }
    expect((await lbctl('plan', ready)).exit).toBe(0);
  });

  it('no configuration was left half changed by any of this', async () => {
    const [one, other] = await Promise.all(
      PAIR.map((host) => on(host, 'sha256sum </etc/haproxy/haproxy.cfg')),
    );
    expect(one).toBe(other);
    expect((await lbctl('plan', ready)).exit).toBe(0);
  });
});

function listen(onConnection: () => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      onConnection();
      socket.destroy();
    });
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
