import { exec } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadBalancerHost, labInfo, reset, startClientLoop } from '../lab/lab.js';
import { bare, get, heldOn, type Members, run, settled, up, type Web, write } from './support/cluster.js';
import { eventsOf, lbctl, planned, type Run, summaryOf } from './support/lbctl.js';
import { codes, healthy, status, workFolder } from './support/pair.js';

/** Two families of distributions in one cluster. */
const THREE: Members = { lb1: 'el1', lb2: 'el2', lb3: 'deb1' };

/** What hosts of these distributions say of themselves; the packages are those of the lab's images. */
const OS = {
  fedora: 'ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40 (Server Edition)"',
  openEuler: 'ID="openEuler"\nVERSION_ID="22.03"\nPRETTY_NAME="openEuler 22.03 LTS"',
  ubuntu: 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"',
};

const becomes = (machine: LoadBalancerHost, os: keyof typeof OS) =>
  run(machine, `printf '%s\\n' '${OS[os]}' >/usr/lib/os-release`);

const slower = (web: Web) => {
  web.haproxy.defaults = ['timeout server 40s'];
};

const notices = (found: Awaited<ReturnType<typeof status>>) => found.notices.map(({ code }) => code);

/** What a run warned of hosts that have left the inventory. */
function saidOfFormer(done: Run): string | undefined {
  return eventsOf(done)
    .flatMap(({ event, diagnostic }) =>
      event === 'diagnostic' ? [diagnostic as Record<string, string>] : [],
    )
    .find(({ code, severity }) => code === 'former-member' && severity === 'warning')?.summary;
}

describe('three hosts: Fedora, openEuler and Ubuntu', () => {
  let path: string;
  let edited: string;
  let address: string;
  /** A list of known hosts of our own: el1 will come back with another key. */
  let knownHosts: string;

  const ownKeys = (web: Web) => {
    for (const { ssh } of Object.values(web.hosts))
      Object.assign(ssh, { known_hosts_file: knownHosts, strict_host_key_checking: 'accept-new' });
  };

  beforeAll(async () => {
    await bare();
    await Promise.all([becomes('el1', 'fedora'), becomes('el2', 'openEuler'), becomes('deb1', 'ubuntu')]);
    const { vips, known_hosts_file } = await labInfo();
    address = vips[0] ?? '';
    knownHosts = join(await workFolder(), 'known_hosts');
    await copyFile(known_hosts_file, knownHosts);
    [path, edited] = await Promise.all([write(THREE, ownKeys), write(THREE, slower)]);
    await up(path);
  });
  afterAll(() => reset(['el1', 'el2', 'deb1']));

  it('one holds the address, two stand by', async () => {
    const found = await status(path);
    expect(found).toMatchObject({ exit: 0, state: 'healthy', virtual_ips: [{ holders: ['lb1'] }] });
    expect(found.hosts.map(({ instances }) => instances.VI_1)).toEqual([
      { state: 'MASTER', priority: 250, effective_priority: 250 },
      { state: 'BACKUP', priority: 240, effective_priority: 240 },
      { state: 'BACKUP', priority: 230, effective_priority: 230 },
    ]);
    await settled(path);
  });

  it('an edit goes to the standbys first, one after the other, and no request fails', async () => {
    const loop = await startClientLoop(`http://${address}/`);
    const run = await up(edited, '--json');
    const report = await loop.stop();
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    const order = eventsOf(run).flatMap(({ event, host, resource, state }) =>
      event === 'task' && resource === 'reload haproxy' && state !== 'not-run' ? [`${host} ${state}`] : [],
    );
    expect(order).toEqual(['lb3 running', 'lb3 done', 'lb2 running', 'lb2 done', 'lb1 running', 'lb1 done']);
  });

  it('one host after the other is lost, and the next one takes over', async () => {
    const loop = await startClientLoop(`http://${address}/`);
    await run('el1', 'systemctl stop keepalived');
    await heldOn(address, 'lb2', THREE);
    await run('el2', 'systemctl stop keepalived');
    await heldOn(address, 'lb3', THREE);
    expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
    expect(await status(edited)).toMatchObject({ exit: 5, state: 'degraded' });
    expect((await loop.stop()).longestGapMs).toBeLessThan(500);
    await up(edited);
    await heldOn(address, 'lb1', THREE);
    await healthy(edited);
  });

  describe('one of them is out of reach', () => {
    beforeAll(async () => {
      await run(
        'el1',
        'systemctl stop keepalived haproxy ssh.socket ssh 2>/dev/null; systemctl stop sshd 2>/dev/null; true',
      );
      await heldOn(address, 'lb2', THREE);
    });

    it('nothing is changed without --limit', async () => {
      const refused = await lbctl('up', path, '--json');
      expect(refused.exit, refused.said).toBe(4);
      expect(summaryOf(refused).hosts).toMatchObject({
        lb1: { status: 'unreachable' },
        lb2: { status: 'skipped', changed: [] },
        lb3: { status: 'skipped', changed: [] },
      });
    });

    it('with --limit the named host is changed, the dead one named, and the rest is left alone', async () => {
      const foreseen = await lbctl('plan', path, '--limit', 'web/lb2', '--json');
      expect([foreseen.exit, planned(foreseen)]).toEqual([4, ['lb2 haproxy_config']]);
      const loop = await startClientLoop(`http://${address}/`);
      const limited = await lbctl('up', path, '--limit', 'web/lb2', '--json');
      const report = await loop.stop();
      expect(limited.exit, limited.said).toBe(4);
      expect(summaryOf(limited).hosts).toMatchObject({
        lb1: { status: 'unreachable', changed: [] },
        lb2: { status: 'changed', changed: ['haproxy_config'] },
        lb3: { changed: [] },
      });
      expect(report.failed, JSON.stringify(report.errors)).toBe(0);
      expect(await run('el2', 'grep -c "timeout server 40s" /etc/haproxy/haproxy.cfg; true')).toBe('0');
      expect(await run('deb1', 'grep -c "timeout server 40s" /etc/haproxy/haproxy.cfg')).toBe('1');
      await heldOn(address, 'lb2', THREE);
      const seen = await status(path);
      expect(seen.exit).toBe(4);
      expect(codes(seen)).toContain('lb1 host_unreachable');
    });

    it('even where the hosts have to agree on the change', async () => {
      const unicast = await write(THREE, (web) => {
        for (const instance of Object.values(web.vrrp_instances)) instance.unicast = true;
      });
      const loop = await startClientLoop(`http://${address}/`);
      const limited = await lbctl('up', unicast, '--limit', 'web/lb2,web/lb3', '--json');
      expect(limited.exit, limited.said).toBe(4);
      await heldOn(address, 'lb2', THREE);
      const report = await loop.stop();
      expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(500);
      const back = await lbctl('up', path, '--limit', 'web/lb2,web/lb3');
      expect(back.exit, back.said).toBe(4);
      await heldOn(address, 'lb2', THREE);
    });
  });

  it('a fresh machine under the same name is taken for another one, until its old key is removed', async () => {
    await reset(['el1']);
    await run(
      'el1',
      'rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key && systemctl restart sshd',
    );
    const loop = await startClientLoop(`http://${address}/`);
    const refused = await lbctl('up', path);
    expect(refused.exit, refused.said).toBe(4);
    expect(refused.stderr).toContain('the host key of lb1');
    const [, command = 'false'] = /remove the old key: `(ssh-keygen [^`]+)`/.exec(refused.stderr) ?? [];
    await promisify(exec)(command);
    expect((await loop.stop()).failed).toBe(0);
  });

  it('then it is built, and the others are left as they are', async () => {
    const loop = await startClientLoop(`http://${address}/`);
    const rebuilt = await up(path, '--json');
    const report = await loop.stop();
    expect(summaryOf(rebuilt).hosts).toMatchObject({
      lb1: { status: 'changed' },
      lb2: { status: 'ok', changed: [] },
      lb3: { status: 'ok', changed: [] },
    });
    expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(500);
    await heldOn(address, 'lb1', THREE);
    await settled(path);
  });

  it('a host is taken out: the others converge, and what still runs there is said', async () => {
    const two = await write({ lb1: 'el1', lb2: 'el2' }, ownKeys);
    const plan = await lbctl('plan', two, '--json');
    expect(planned(plan).every((it) => !it.startsWith('lb3'))).toBe(true);
    const done = await up(two, '--json');
    expect(saidOfFormer(done)).toMatch(
      /^lb3 \(\S+\) is no longer in the inventory: there haproxy is active, keepalived is active$/,
    );
    expect(await run('deb1', 'systemctl is-active haproxy keepalived')).toBe('active\nactive');
    await heldOn(address, 'lb1', THREE);
    await settled(two);
    expect(notices(await status(two))).toEqual(['former_member']);
  });

  describe('the host that holds the address is taken out', () => {
    let two: string;

    it('the others converge beside it, one takes the address over, and no request fails', async () => {
      two = await write({ lb2: 'el2', lb3: 'deb1' }, ownKeys);
      const loop = await startClientLoop(`http://${address}/`);
      const done = await up(two, '--json');
      const report = await loop.stop();
      expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(500);
      expect(summaryOf(done).hosts).toMatchObject({
        lb2: { status: 'changed', changed: expect.arrayContaining(['keepalived_config']) },
        lb3: { status: 'changed', changed: expect.arrayContaining(['keepalived_config']) },
      });
      expect(saidOfFormer(done)).toMatch(/^lb1 .* it holds 10\./);
      await heldOn(address, 'lb2', THREE);
      const found = await status(two);
      expect(found).toMatchObject({ exit: 0, state: 'healthy' });
      expect(notices(found)).toEqual(['former_member']);
    });

    it('it is said until it was stopped there, and costs nothing', async () => {
      expect(await run('el1', 'systemctl is-active haproxy keepalived')).toBe('active\nactive');
      await settled(two);
      const loop = await startClientLoop(`http://${address}/`);
      await run('el1', 'systemctl disable --now keepalived haproxy');
      const done = await up(two, '--json');
      expect((await loop.stop()).failed).toBe(0);
      expect(saidOfFormer(done)).toBeUndefined();
      expect(notices(await status(two))).toEqual([]);
      await settled(two);
    });
  });
});
