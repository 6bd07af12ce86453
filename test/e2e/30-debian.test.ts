import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labExec, labInfo, reset } from '../lab/lab.js';
import { bare, DEB, failover, get, heldOn, run, settled, up, write } from './support/cluster.js';
import { lbctl, planned, start, summaryOf } from './support/lbctl.js';
import { status, workFolder } from './support/pair.js';

/** Files, packages and services: what a refused run must leave alone. */
const FINGERPRINT = `dpkg -l | sha256sum; ls -la /etc /etc/systemd/system /var/lib /var/lib/apt/lists | sha256sum
systemctl list-unit-files --no-legend | sha256sum`;

describe('two bare Debian machines', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    await bare();
    path = await write(DEB);
    address = (await labInfo()).vips[0] ?? '';
    // One of them is Ubuntu by its name, without IPv6.
    await run(
      'deb1',
      `sed -i 's/^ID=.*/ID=ubuntu/; s/^VERSION_ID=.*/VERSION_ID="24.04"/; s/^PRETTY_NAME=.*/PRETTY_NAME="Ubuntu 24.04 LTS"/' /usr/lib/os-release
sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip -6 addr`,
    );
    // The other one has busybox's tools before its own.
    await run('deb2', BUSYBOX);
  });

  /** What of busybox lbctl can do with: iproute2 and util-linux's flock it needs, and says so. */
  const BUSYBOX = `apt-get update -q && apt-get install -qy busybox && rm -rf /var/lib/apt/lists/*
mkdir /busybox && busybox --install -s /busybox && rm /busybox/ip /busybox/flock
echo 'SetEnv PATH=/busybox:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' >>/etc/ssh/sshd_config
systemctl restart ssh`;

  afterAll(() => reset(['deb1', 'deb2']));

  it('have none of what one might lean on', async () => {
    for (const host of ['deb1', 'deb2'] as const) {
      const found = await run(
        host,
        'ls /var/lib/apt/lists; for c in python3 curl nft iptables dnf firewall-cmd haproxy keepalived; do command -v $c; done; true',
      );
      expect(found.split('\n').filter((it) => it.startsWith('/'))).toEqual([]);
      expect(await run(host, 'readlink -f /bin/sh')).toMatch(/dash$/);
    }
  });

  it.each([
    ['Alpine Linux v3.20', 'NAME="Alpine Linux"\nID=alpine\nPRETTY_NAME="Alpine Linux v3.20"\n'],
    [
      'Linux Mint 21',
      'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="Linux Mint 21"\n',
    ],
  ])('where one of them is %s, it is refused by that name and nothing is touched', async (name, text) => {
    await run('deb2', 'rm /etc/os-release; cat >/etc/os-release', { stdin: text });
    try {
      const before = await Promise.all([run('deb1', FINGERPRINT), run('deb2', FINGERPRINT)]);
      const refused = await lbctl('up', path);
      expect(refused.exit, refused.said).toBe(1);
      expect(refused.said).toContain(`${name} is not supported`);
      expect(refused.said).toMatch(/Debian from 11 and Ubuntu from 22/);
      expect(refused.said).toContain('lb2');
      expect((await lbctl('plan', path)).exit).toBe(1);
      expect(await Promise.all([run('deb1', FINGERPRINT), run('deb2', FINGERPRINT)])).toEqual(before);
    } finally {
      await run('deb2', 'ln -sfn ../usr/lib/os-release /etc/os-release');
    }
  });

  it('a foreign VRRP speaker with the same router id is heard and refused', async () => {
    // 02 = version 2, type 1; 33 = 51; priority 100; one address.
    const speak = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(0, socket.IP_MULTICAST_TTL, 255)
for i in range(60):
    s.sendto(bytes.fromhex("213364010001" "5a95" "0a000009" + "00" * 8), ("224.0.0.18", 0))
    time.sleep(0.2)`;
    const speaker = labExec('client', 'exec timeout 12 python3 -', { stdin: speak });
    const refused = await lbctl('plan', path);
    await run('client', 'pkill -f "^python3 -$"; true');
    await speaker;
    expect(refused.exit, refused.said).toBe(1);
    expect(refused.said).toMatch(/10\.\S+\.41 speaks VRRP with virtual_router_id 51/);
    expect(refused.said).not.toContain('not checked');
  });

  it('up waits while another process holds the lock of dpkg, then builds the pair', async () => {
    // On the first what an unattended upgrade takes, on the second what the update of the lists after a boot takes.
    const hold = (host: 'deb1' | 'deb2', ...files: string[]) => {
      const lock = `use Fcntl; my $p = pack("s s l! l! i i", F_WRLCK, 0, 0, 0, 0, 0); my @h;
for my $f (@ARGV) { open(my $fh, ">>", $f) or die; fcntl($fh, F_SETLK, $p) or die $!; push @h, $fh }
open(my $fh, ">", "/run/held"); close $fh; for (1..900) { last if -e "/run/release"; select undef, undef, undef, 0.1 } unlink "/run/held"`;
      const command = `setsid perl -e '${lock}' ${files.join(' ')} >/dev/null 2>&1 &`;
      return run(host, `${command} until [ -e /run/held ]; do sleep 0.05; done`, { timeoutMs: 5000 });
    };
    expect(await run('deb1', 'ip -6 addr')).toBe('');
    // os-release(5): the other place where it may be.
    await run('deb2', 'rm /etc/os-release');
    await Promise.all([
      hold('deb1', '/var/lib/dpkg/lock-frontend', '/var/lib/dpkg/lock'),
      hold('deb2', '/var/lib/apt/lists/lock'),
    ]);
    const upgrade = start('up', path, '--json');
    await upgrade.saw(/"resource":"packages".*"state":"running"/);
    const still = 'sleep 3; ls /run/held && ! dpkg -s haproxy >/dev/null 2>&1 && touch /run/release';
    await Promise.all((['deb1', 'deb2'] as const).map((host) => run(host, still)));
    const done = await upgrade.ended;
    expect(done.exit, done.said).toBe(0);
  });

  it('is healthy, both services enabled and running by the new configuration', async () => {
    const found = await status(path);
    expect(found).toMatchObject({
      exit: 0,
      state: 'healthy',
      problems: [],
      virtual_ips: [{ address, holders: ['lb1'] }],
    });
    for (const host of ['deb1', 'deb2'] as const) {
      expect(
        await run(
          host,
          `systemctl is-enabled haproxy keepalived; systemctl is-active haproxy keepalived
stat -c '%n %a %U:%G' /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf /etc/keepalived/lbctl-check-haproxy`,
        ),
      ).toBe(
        `enabled\nenabled\nactive\nactive
/etc/haproxy/haproxy.cfg 640 root:haproxy
/etc/keepalived/keepalived.conf 640 root:root
/etc/keepalived/lbctl-check-haproxy 755 root:root`,
      );
    }
    await settled(path);
  });

  it('counts who answers for the address without python3', async () => {
    await run('client', `ip addr add ${address}/24 dev eth0`);
    try {
      const found = await status(path);
      expect(found).toMatchObject({ exit: 5, state: 'split_brain' });
      expect(found.problems.map((it) => it.code)).toEqual(['foreign_holder']);
      expect(found.problems[0]?.message).toContain('while lb1 holds it');
      expect(found.notices).toEqual([]);
    } finally {
      await run('client', `ip addr del ${address}/24 dev eth0`);
    }
    expect(await status(path)).toMatchObject({ exit: 0, state: 'healthy' });
  });

  it('survives the loss of a service on either host', async () => {
    await failover({ address, members: DEB, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
    await run('deb1', 'systemctl stop haproxy');
    await heldOn(address, 'lb2', DEB);
    expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
    const drift = await lbctl('plan', path, '--json');
    expect(planned(drift)).toEqual(['lb1 service:haproxy']);
    await up(path);
    await heldOn(address, 'lb1', DEB);
  });

  it("an operator's own tasks are planned, applied once, and done", async () => {
    const own = join(await workFolder(), 'own.yaml');
    await writeFile(
      own,
      `- play: own
  order: standby-first
  tasks:
    - package: { name: lab-tool }
    - sysctl: { net.core.somaxconn: 8192 }
    - file:
        path: /etc/systemd/system/own-tool.service
        content: |
          [Service]
          ExecStart=sleep 1000000
          [Install]
          WantedBy=multi-user.target
    - service: { name: own-tool }
    - name: Ask the tool
      command: { run: lab-tool >/var/lib/own-said, creates: /var/lib/own-said }
`,
    );
    const tasks = ['command:Ask-the-tool', 'file:/etc/systemd/system/own-tool.service', 'package:lab-tool'];
    const all = [...tasks, 'service:own-tool', 'sysctl:net.core.somaxconn'];
    const plan = await lbctl('plan', path, '--playbook', own, '--json');
    expect(plan.exit, plan.said).toBe(2);
    expect(planned(plan)).toEqual(['lb1', 'lb2'].flatMap((host) => all.map((it) => `${host} ${it}`)));
    await up(path, '--playbook', own);
    for (const host of ['deb1', 'deb2'] as const) {
      const seen = 'cat /var/lib/own-said /proc/sys/net/core/somaxconn; systemctl is-active own-tool';
      expect(await run(host, seen)).toBe('the tool of the lab\n8192\nactive');
    }
    const again = await up(path, '--playbook', own, '--json');
    expect(summaryOf(again).hosts).toMatchObject({ lb1: { changed: [] }, lb2: { changed: [] } });
  });

  it('built anew over what an earlier life has left, nobody holds the address before keepalived is configured', async () => {
    // Of another router id on each, so that neither would hear the other; at once, and whatever HAProxy does.
    const left = (id: number) => `vrrp_instance OLD {
  state MASTER
  interface eth0
  version 3
  virtual_router_id ${id}
  priority 254
  advert_int 0.1
  virtual_ipaddress { ${address}/24 }
}
`;
    const hosts = ['deb1', 'deb2'] as const;
    await Promise.all(
      hosts.map((host, index) =>
        run(
          host,
          `apt-get -y -q remove haproxy keepalived >/dev/null
rm -rf /etc/systemd/system/haproxy.service.d /etc/systemd/system/keepalived.service.d /var/lib/lbctl
systemctl daemon-reload
cat >/etc/keepalived/keepalived.conf
dpkg-query -W -f '\${db:Status-Status} ' haproxy keepalived; ip -o addr show to ${address}
systemd-run -q --unit=watch-address sh -c 'ip -o monitor address >/run/watched'`,
          { stdin: left(61 + index) },
        ).then((said) => expect(said).toBe('config-files config-files')),
      ),
    );
    await up(path);
    const seen = await Promise.all(
      hosts.map((host) =>
        run(
          host,
          `systemctl stop watch-address; grep -F ' ${address}/' /run/watched | grep -vE '(: lo|^Deleted)' | wc -l
ls /run/systemd/system; systemctl is-enabled haproxy keepalived`,
        ),
      ),
    );
    expect(seen).toEqual(['1\nenabled\nenabled', '0\nenabled\nenabled']);
    expect(await status(path)).toMatchObject({ exit: 0, state: 'healthy' });
  });

  it('keeps a ufw that is on, with what the pair needs let in; down takes that out again', async () => {
    const hosts = ['deb1', 'deb2'] as const;
    const each = (command: string) => Promise.all(hosts.map((host) => run(host, command)));
    await each(
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ufw >/dev/null 2>&1',
    );
    const RULES = 'ufw show added; cat /etc/ufw/before.rules';
    await each('ufw allow 22/tcp');
    const before = await each(RULES);
    // While the other one is away nobody takes the address because it no longer hears who has it.
    await run('deb2', 'systemctl stop keepalived');
    await each('ufw --force enable');
    const opened = await write(DEB, (web) => {
      web.system = { firewall: 'open' };
      web.haproxy.stats = { bind: `${address}:8404` };
    });
    const shut = await lbctl('plan', opened, '--json');
    expect(planned(shut)).toEqual(expect.arrayContaining(['lb1 firewall', 'lb2 firewall']));
    expect(shut.stdout).toContain('ufw lacks vrrp, 80/tcp, 8404/tcp');
    await up(opened);
    await settled(opened);
    for (const host of hosts) {
      const status = await run(host, 'ufw status');
      for (const line of [/^Status: active$/m, /^80\/tcp +ALLOW/m, /^8404\/tcp +ALLOW/m])
        expect(status).toMatch(line);
    }
    expect(await get(`http://${address}:8404/stats`)).toContain('Statistics Report');
    await failover({ address, members: DEB, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
    const down = await lbctl('down', opened, '--yes');
    expect(down.exit, down.said).toBe(0);
    expect(await each(RULES)).toEqual(before);
    expect(await each('ufw status | head -n 1; ls /etc/ufw')).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/inactive|lbctl/)]),
    );
  });
});
