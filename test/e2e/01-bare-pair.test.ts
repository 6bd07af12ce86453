import { beforeAll, describe, expect, it } from 'vitest';
import { ask, changesBetween, holders, on, onBoth, PAIR, snapshot, vip } from './support/hosts.js';
import { eventsOf, lbctl, planned, planOf, type Run, start, summaryOf } from './support/lbctl.js';
import { AUTH_PASS, inventory, startBare, status } from './support/pair.js';
import { localProcessesWith, watchProcesses } from './support/watch-secret.js';

const EVERYTHING = [
  'check_script',
  'firewall',
  'haproxy_config',
  'keepalived_config',
  'members',
  'packages',
  'selinux',
  'service:haproxy',
  'service:keepalived',
  'sysctl',
  'systemd_dropin:haproxy',
  'systemd_dropin:keepalived',
  'takeover_script',
];

describe('two bare machines', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    await startBare();
    path = await inventory('pair.yaml');
    address = await vip();
  });

  it('plan says all that is to be done, exits 2 and touches nothing', async () => {
    const before = await Promise.all(PAIR.map(snapshot));
    const run = await lbctl('plan', path, '--json');
    const after = await Promise.all(PAIR.map(snapshot));

    expect(run.exit, run.said).toBe(2);
    expect(planned(run)).toEqual(PAIR.flatMap((host) => EVERYTHING.map((it) => `${host} ${it}`)));
    expect(planOf(run).problems).toEqual([]);
    expect(run.said).not.toContain(AUTH_PASS);
    PAIR.forEach((host, index) => {
      const [was, is] = [before[index], after[index]];
      if (was === undefined || is === undefined) throw new Error('no snapshot');
      expect(was.size, host).toBeGreaterThan(1000);
      expect(changesBetween(was, is), host).toEqual([]);
    });
  });

  describe('up', () => {
    let run: Run;
    let seenByHosts: string[];
    const seenHere: string[] = [];

    beforeAll(async () => {
      const up = start('up', path, '--json', '-v');
      const timer = setInterval(() => localProcessesWith(AUTH_PASS).then((it) => seenHere.push(...it)), 200);
      seenByHosts = await Promise.all(PAIR.map((host) => watchProcesses(host, AUTH_PASS, up.ended)));
      clearInterval(timer);
      run = await up.ended;
    });

    it('exits 0 and tells its run as one JSON event a line, the summary last', () => {
      expect(run.exit, run.said).toBe(0);
      const events = eventsOf(run);
      expect(events[0]?.event).toBe('run');
      expect(events.filter(({ event }) => event === 'summary')).toHaveLength(1);
      const { ok, hosts, clusters, duration_ms } = summaryOf(run);
      expect(ok).toBe(true);
      expect(clusters).toEqual({ web: { ok: true, state: 'healthy', error: null } });
      for (const host of PAIR) {
        expect(hosts[host]?.status, host).toBe('changed');
        expect([...(hosts[host]?.changed ?? [])].sort(), host).toEqual(EVERYTHING);
      }
      expect(duration_ms).toBeGreaterThan(0);
    });

    it('says prominently what protection it switched off, and who answered', () => {
      const notices = eventsOf(run).flatMap(({ event, message }) =>
        event === 'notice' ? [String(message)] : [],
      );
      const warnings = run.stderr.split('\n').filter((line) => line.startsWith('warning: '));
      expect(warnings.filter((it) => it.includes('the firewall is switched off'))).toHaveLength(2);
      expect(warnings.filter((it) => it.includes('SELinux is set to disabled'))).toHaveLength(2);
      expect(notices).toContainEqual(expect.stringContaining(`${address} is held by lb1 alone`));
      expect(notices).toContainEqual(expect.stringContaining('answered by app/web1, app/web2'));
    });

    it('shows the password nowhere: not with -v, not in a process, a log, or a file that others may read', async () => {
      expect(run.said).not.toContain(AUTH_PASS);
      expect(seenByHosts).toEqual(['found []', 'found []']);
      expect(seenHere).toEqual([]);
      for (const host of PAIR) {
        const holding = await on(
          host,
          `grep -rlF --devices=skip -f /dev/stdin / --exclude-dir={proc,sys,dev} 2>/dev/null | xargs -r stat -c '%n %a'; journalctl |
             grep -F -f <(echo "$0") || true`,
          { stdin: AUTH_PASS },
        );
        expect(holding, host).toBe('/etc/keepalived/keepalived.conf 640');
      }
    });
  });

  it('serves through the VIP, which is on lb1 alone, by both servers in turn', async () => {
    expect(await holders(address)).toEqual(['lb1']);
    const answers = await ask(`http://${address}/`, 6);
    expect(answers.filter((it) => it === 'This is Web1')).toHaveLength(3);
    expect(answers.filter((it) => it === 'This is Web2')).toHaveLength(3);
    expect(new Set(answers.slice(0, 2)).size).toBe(2);
    expect(await on('client', `curl -sD- -o /dev/null http://${address}/`)).not.toMatch(/lbctl/i);
  });

  it('leaves firewalld off and disabled, SELinux off in its file, both services enabled and running', async () => {
    const script = `systemctl is-active firewalld haproxy keepalived; systemctl is-enabled firewalld haproxy keepalived
firewall-cmd --state 2>&1; grep ^SELINUX= /etc/selinux/config; cat /proc/sys/net/ipv4/ip_nonlocal_bind; true`;
    const wanted = [
      'inactive',
      'active',
      'active',
      'disabled',
      'enabled',
      'enabled',
      'not running',
      'SELINUX=disabled',
      '1',
    ];
    for (const said of await onBoth(script)) expect(said.split('\n')).toEqual(wanted);
  });

  it('leaves its files with the modes and owners that they should have', async () => {
    const files =
      await onBoth(`cd / && stat -c '%n %a %U:%G' etc/haproxy/haproxy.cfg etc/keepalived/keepalived.conf \\
  usr/libexec/keepalived/lbctl-check-haproxy etc/systemd/system/{haproxy,keepalived}.service.d/lbctl.conf \\
  etc/sysctl.d/90-lbctl.conf var/lib/lbctl`);
    for (const said of files) {
      expect(said.split('\n')).toEqual([
        'etc/haproxy/haproxy.cfg 640 root:haproxy',
        'etc/keepalived/keepalived.conf 640 root:root',
        'usr/libexec/keepalived/lbctl-check-haproxy 755 root:root',
        'etc/systemd/system/haproxy.service.d/lbctl.conf 644 root:root',
        'etc/systemd/system/keepalived.service.d/lbctl.conf 644 root:root',
        'etc/sysctl.d/90-lbctl.conf 644 root:root',
        'var/lib/lbctl 700 root:root',
      ]);
    }
    const heads = await onBoth(
      'for f in /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf; do head -1 $f; done',
    );
    for (const said of heads) {
      for (const line of said.split('\n')) expect(line).toMatch(/^# .*lbctl.*overwritten/);
    }
    const leftovers = await onBoth(
      `find / -xdev -name '*lbctl-new*' -o -xdev -name 'lbctl-go*' -o -path /tmp/keepalived.json`,
    );
    expect(leftovers).toEqual(['', '']);
  });

  it('keeps what was there before as generation 0, readable by root alone, and frees its lock', async () => {
    const kept = await onBoth(`cd /var/lib/lbctl && ls && ls generations && cat generations/0/missing &&
grep ^SELINUX= generations/0/files/etc/selinux/config && grep firewalld generations/0/states;
runuser -u ops -- ls . 2>&1; true`);
    for (const said of kept) {
      expect(said).toMatch(/^generations\n/);
      expect(said).not.toMatch(/^lock$/m);
      expect(said).toMatch(/^0$/m);
      expect(said).toContain('/etc/keepalived/keepalived.conf');
      expect(said).toContain('SELINUX=enforcing');
      expect(said).toContain('firewalld.ActiveState=active');
      expect(said).toContain('firewalld.UnitFileState=enabled');
      expect(said).toContain('Permission denied');
    }
  });

  it('is healthy by its own words', async () => {
    const found = await status(path);
    expect(found).toMatchObject({
      exit: 0,
      state: 'healthy',
      problems: [],
      virtual_ips: [{ address, instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
      hosts: [
        { name: 'lb1', reachable: true, haproxy: 'active', keepalived: 'active' },
        { name: 'lb2', reachable: true, haproxy: 'active', keepalived: 'active' },
      ],
    });
    expect(found.hosts.map(({ instances }) => instances.VI_1)).toEqual([
      { state: 'MASTER', priority: 250, effective_priority: 250 },
      { state: 'BACKUP', priority: 240, effective_priority: 240 },
    ]);
    expect(found.servers.map(({ status }) => status)).toEqual([
      { lb1: 'UP', lb2: 'UP' },
      { lb1: 'UP', lb2: 'UP' },
    ]);
    const words = await lbctl('status', path);
    expect(words.exit).toBe(0);
    expect(words.stdout).toContain(`VIP ${address}  VI_1  held by lb1`);
  });
});
