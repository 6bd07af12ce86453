import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { bare, EL, failover, get, run, settled, up, write } from './support/cluster.js';
import { lbctl, planned } from './support/lbctl.js';
import { status, workFolder } from './support/pair.js';

const PASSWORD = 'Wq83nVtz';

describe('a haproxy.cfg of the operator', () => {
  let folder: string;
  let path: string;
  let cfg: string;
  let address: string;
  let hostAddress: string;

  const inventory = (configFile: string, firewall = 'open') =>
    write(
      EL,
      (web) => {
        web.system = { firewall };
        web.haproxy = { config_file: configFile };
      },
      folder,
    );

  beforeAll(async () => {
    await bare();
    const { vips, hosts } = await labInfo();
    [address, hostAddress] = [vips[0] ?? '', hosts.el1.address];
    folder = await workFolder();
    cfg = `global
    maxconn 2000
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
userlist admins
    user ops insecure-password ${PASSWORD}
frontend shop
    bind \${VIP}:80
    bind "\${VIP}:8080"
    acl inside path_beg /inside
    http-request auth realm Shop if inside !{ http_auth(admins) }
    default_backend shop
backend shop
    http-request set-header Authorization "Basic ${Buffer.from(`ops:${PASSWORD}`).toString('base64')}"
    server web1 ${hosts.web1.address}:80 check
    server web2 ${hosts.web2.address}:80 check
`;
    await writeFile(join(folder, 'own.cfg'), cfg);
    path = await inventory('own.cfg');
  });

  it('a file that is not there is an error with the place that names it', async () => {
    const missing = await inventory('missing.cfg');
    const refused = await lbctl('up', missing);
    expect(refused.exit, refused.said).toBe(3);
    expect(refused.said).toMatch(/inventory\.yaml:\d+:\d+: .*missing\.cfg/);
    path = await inventory('own.cfg');
  });

  it('plan and up show its text, never its passwords', async () => {
    const plan = await lbctl('plan', path, '-v');
    expect(plan.exit, plan.said).toBe(2);
    expect(plan.said).toMatch(/^.*\+ +bind 10\.\S+:80$/m);
    const built = await up(path, '-v', '--diff');
    for (const { said } of [plan, built]) {
      expect(said).toContain('frontend shop');
      expect(said).not.toContain(PASSWORD);
      expect(said).not.toContain(Buffer.from(`ops:${PASSWORD}`).toString('base64'));
    }
    expect(built.said).toMatch(/port 80 on \S+ answers/);
    expect(built.said).toMatch(/port 8080 on \S+ answers/);
  });

  it('is what runs, with ${VIP} put in and a section of our own behind, once', async () => {
    for (const host of ['el1', 'el2'] as const) {
      const found = await run(host, 'cat /etc/haproxy/haproxy.cfg');
      expect(found).toContain(cfg.replaceAll('${VIP}', address).trimEnd());
      expect(found.match(/BEGIN lbctl/g)).toHaveLength(1);
      expect(await run(host, 'stat -c "%a %U:%G" /etc/haproxy/haproxy.cfg')).toBe('640 root:haproxy');
    }
    await settled(path);
    const found = await status(path);
    expect(found).toMatchObject({ exit: 0, state: 'healthy' });
    expect(found.servers.map(({ backend, server }) => `${backend}/${server}`)).toEqual([
      'shop/web1',
      'shop/web2',
    ]);
  });

  it('its ports are open in the firewall, which stays on; the client is served on each', async () => {
    for (const host of ['el1', 'el2'] as const) {
      const said = await run(
        host,
        'firewall-cmd --state; firewall-cmd --list-ports; firewall-cmd --permanent --list-ports; firewall-cmd --list-protocols',
      );
      expect(said.split('\n')).toEqual(['running', '80/tcp 8080/tcp', '80/tcp 8080/tcp', 'vrrp']);
    }
    for (const port of [80, 8080]) expect(await get(`http://${address}:${port}/`)).toMatch(/^This is Web/);
    expect(await get(`http://${address}/inside`, '-o /dev/null -w %{http_code}')).toBe('401');
    await failover({ address, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
  });

  it('the file that came back from a host, with our section in it, changes nothing', async () => {
    // Firewalld's own commands take their time: what follows is not about them.
    path = await inventory('own.cfg', 'keep');
    await writeFile(join(folder, 'own.cfg'), `${await run('el1', 'cat /etc/haproxy/haproxy.cfg')}\n`);
    await settled(path);
    await writeFile(join(folder, 'own.cfg'), cfg);
  });

  it('one that haproxy refuses is an error with its words, and the old one runs on', async () => {
    await writeFile(join(folder, 'own.cfg'), cfg.replace('mode http', 'mode nonsense'));
    const refused = await lbctl('up', path);
    expect(refused.exit, refused.said).toBe(1);
    expect(refused.said).toContain('nonsense');
    expect(refused.said).not.toContain(PASSWORD);
    expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
    await writeFile(join(folder, 'own.cfg'), cfg);
    expect((await lbctl('plan', path)).exit).toBe(0);
  });

  it("a bind to a host's own address is warned of, with file and line", async () => {
    await writeFile(join(folder, 'own.cfg'), cfg.replace('bind "${VIP}:8080"', `bind ${hostAddress}:8080`));
    const warned = await lbctl('plan', path);
    expect(warned.exit, warned.said).toBe(2);
    expect(warned.said).toMatch(/own\.cfg:14:10: .*the address of the host "lb1"/);
    expect((await lbctl('validate', path)).said).toMatch(/own\.cfg:14:10/);
    await writeFile(join(folder, 'own.cfg'), cfg);
  });

  it('an edit of it goes through plan and up like any other', async () => {
    path = await inventory('own.cfg');
    await writeFile(join(folder, 'own.cfg'), cfg.replace('bind "${VIP}:8080"', 'bind ${VIP}:8090'));
    const plan = await lbctl('plan', path, '--json');
    expect(planned(plan)).toEqual([
      'lb1 firewall',
      'lb1 haproxy_config',
      'lb2 firewall',
      'lb2 haproxy_config',
    ]);
    expect(plan.said).not.toContain(PASSWORD);
    await up(path);
    expect(await get(`http://${address}:8090/`)).toMatch(/^This is Web/);
    await settled(path);
  });
});
