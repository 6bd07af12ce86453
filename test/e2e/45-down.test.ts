import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { bare, DEB, EL, first, heldOn, holding, type Members, run, up, write } from './support/cluster.js';
import { eventsOf, lbctl, summaryOf } from './support/lbctl.js';
import { onTerminal } from './support/terminal.js';

/** What must be the same again: files with modes and owners, units, kernel, firewall, nothing of lbctl's anywhere. */
const STATE = `cd /
find etc usr/libexec/keepalived ! -type d \\( -path etc/ld.so.cache -o -path 'etc/*-' -o -path etc/.updated -o -path etc/.pwd.lock -prune -o -type f -printf '%p %m %u:%g ' -exec md5sum {} \\; -o -type l -printf '%p -> %l\\n' \\) 2>/dev/null | sort
find etc/systemd -type d | sort
for s in haproxy keepalived firewalld; do systemctl show "$s" -p LoadState,ActiveState,UnitFileState; done
if command -v dnf >/dev/null; then rpm -qa | sort; else dpkg-query -W -f '\${binary:Package} \${Version} \${db:Status-Status}\\n'; fi
cat /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/ipv6/ip_nonlocal_bind
! command -v firewall-cmd >/dev/null || firewall-cmd --list-all 2>&1
ls -d var/lib/lbctl run/lbctl* run/keepalived.lbctl* 2>/dev/null
systemctl list-units --all --plain --no-legend 'lbctl*'
find / -xdev \\( -path /proc -o -path /var/log \\) -prune -o -name '*lbctl*' -print 2>/dev/null`;

async function states(members: Members): Promise<Record<string, string[]>> {
  const all = await Promise.all(
    Object.entries(members).map(
      async ([name, host]) => [name, (await run(host, STATE)).split('\n')] as const,
    ),
  );
  return Object.fromEntries(all);
}

const haproxyCfg = (server: string) => `# by hand
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend legacy
  bind *:80
  default_backend old
backend old
  server only ${server}:80
`;

const keepalivedConf = (address: string, priority: number) => `! by hand
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 77
  priority ${priority}
  virtual_ipaddress {
    ${address}/24
  }
}
`;

let vip: string;

beforeAll(async () => {
  await bare();
  vip = (await labInfo()).vips[0] ?? '';
});

describe('a pair that ran by its own files', () => {
  it('runs by them again after down, with its firewall as it was', async () => {
    const { hosts } = await labInfo();
    for (const [host, priority] of [
      ['el1', 90],
      ['el2', 100],
    ] as const) {
      await run(host, 'dnf -yq install haproxy keepalived && systemctl enable -q keepalived');
      await run(host, 'cat >/etc/haproxy/haproxy.cfg', { stdin: haproxyCfg(hosts.web1.address) });
      await run(host, 'cat >/etc/keepalived/keepalived.conf', { stdin: keepalivedConf(vip, priority) });
      await run(
        host,
        'chmod 600 /etc/haproxy/haproxy.cfg; firewall-cmd -q --add-service=http; firewall-cmd -q --permanent --add-service=http; firewall-cmd -q --add-protocol=vrrp; firewall-cmd -q --permanent --add-protocol=vrrp; systemctl start haproxy keepalived',
      );
    }
    await heldOn(vip, 'lb2', EL);
    const before = await states(EL);
    const path = await write(EL, (web) => {
      web.system = { firewall: 'open' };
    });
    await up(path);
    await heldOn(vip, 'lb1', EL);

    const built = await states(EL);
    const refused = await lbctl('down', path);
    expect(refused.exit).toBe(3);
    expect(refused.stderr).toContain('--yes');
    const declined = await onTerminal(['down', path], [[/Type yes: $/, 'no\r']]);
    expect([declined.exit, declined.left], declined.seen).toEqual([1, []]);
    expect(declined.seen).toContain('make lb1 and lb2 what they were before lbctl?');
    expect(declined.seen).toContain('nothing was changed');
    expect(await states(EL)).toEqual(built);

    const down = await lbctl('down', path, '--yes', '--json');
    expect(down.exit, down.said).toBe(0);
    // The standby lets go first, then the host that serves.
    expect(
      eventsOf(down).flatMap(({ event, host, resource, state }) =>
        event === 'task' && resource === 'virtual_addresses' && state === 'done' ? [host] : [],
      ),
    ).toEqual(['lb2', 'lb1']);
    expect(summaryOf(down).hosts).toMatchObject({ lb1: { status: 'changed' }, lb2: { status: 'changed' } });
    expect(await states(EL)).toEqual(before);
    // By their own priorities.
    await heldOn(vip, 'lb2', EL);
    expect(await run('client', `curl -sS -m 2 http://${vip}/`)).toContain('Web1');

    const again = await lbctl('down', path, '--yes');
    expect(again.exit, again.said).toBe(0);
    expect(again.stderr).toContain('left alone');
    expect(await states(EL)).toEqual(before);

    await up(path);
    const confirmed = await onTerminal(['down', path], [[/Type yes: $/, 'yes\r']]);
    expect([confirmed.exit, confirmed.left], confirmed.seen).toEqual([0, []]);
    expect(await states(EL)).toEqual(before);
    await run('el1', 'systemctl stop keepalived');
    await run('el2', 'systemctl stop keepalived');
  }, 240_000);
});

describe('a bare pair', () => {
  it('is bare again after down --purge, and up builds it once more', async () => {
    const before = await states(DEB);
    const installed =
      'dpkg-query -W -f "\\${binary:Package} \\${db:Status-Status}\\n" haproxy keepalived 2>/dev/null || true';
    const path = await write(DEB, (web) => {
      first(web).virtual_router_id = 52;
    });
    await up(path);
    await heldOn(vip, 'lb1', DEB);
    const down = await lbctl('down', path, '--yes', '--purge');
    expect(down.exit, down.said).toBe(0);
    expect(await holding(vip, DEB)).toEqual([]);
    expect(await run('deb1', installed)).not.toMatch(/ installed/);
    const after = await states(DEB);
    for (const name of Object.keys(before)) {
      const others = (lines: string[] | undefined) =>
        (lines ?? []).filter((it) => !/haproxy|keepalived/.test(it));
      const had = new Set(before[name]);
      // What the packages brought along stays; nothing that was there is gone or other than it was.
      expect(
        (before[name] ?? []).filter((it) => !after[name]?.includes(it)),
        name,
      ).toEqual([]);
      expect(
        others(after[name]).filter((it) => /lbctl/.test(it) && !had.has(it)),
        name,
      ).toEqual([]);
    }
    await up(path);
    await heldOn(vip, 'lb1', DEB);
    const last = await lbctl('down', path, '--yes');
    expect(last.exit, last.said).toBe(0);
    expect(await holding(vip, DEB)).toEqual([]);
    // Without --purge the packages stay, with the account that they make; else all is as after the first time.
    const final = await states(DEB);
    const besidesPackages = (lines: string[] | undefined) =>
      (lines ?? []).filter((it) => !/haproxy|keepalived|^etc\/(passwd|group|g?shadow) |State=/.test(it));
    for (const name of Object.keys(before))
      expect(besidesPackages(final[name]), name).toEqual(besidesPackages(after[name]));
    for (const machine of Object.values(DEB)) {
      expect(await run(machine, 'systemctl is-active haproxy keepalived; true')).toBe('inactive\ninactive');
      expect(await run(machine, 'systemctl is-enabled haproxy keepalived; true')).toBe('disabled\ndisabled');
    }
  });
});
