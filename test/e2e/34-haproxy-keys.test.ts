import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { bare, EL, get, heldOn, run, settled, up, type Web, write } from './support/cluster.js';
import { lbctl } from './support/lbctl.js';
import { status } from './support/pair.js';

const PEM = '/etc/haproxy/site.pem';

describe('every key of an HAProxy that the inventory describes', () => {
  let path: string;
  let address: string;
  let keys: (web: Web) => void;

  beforeAll(async () => {
    await bare();
    const { vips, hosts } = await labInfo();
    address = vips[0] ?? '';
    const [web1, web2] = [hosts.web1.address, hosts.web2.address];
    // A certificate that is already there, before any HAProxy is.
    await run(
      'client',
      `openssl req -x509 -newkey rsa:2048 -nodes -days 60 -subj /CN=shop.example -keyout /tmp/key.pem -out /tmp/crt.pem 2>/dev/null`,
    );
    const pem = await run('client', 'cat /tmp/crt.pem /tmp/key.pem');
    for (const host of ['el1', 'el2'] as const) {
      await run(host, `install -d -m 755 /etc/haproxy && umask 077 && cat >${PEM}`, { stdin: `${pem}\n` });
    }
    keys = (web) => {
      web.haproxy = {
        global: ['maxconn 5000', 'tune.ssl.default-dh-param 2048'],
        defaults: ['timeout server 45s', 'option forwardfor'],
        frontends: {
          main: {
            bind: [80, `443 ssl crt ${PEM}`, `${address}:8081`],
            acl: ['url_static path_beg -i /static /images', 'denied path /denied'],
            use_backend: ['static if url_static'],
            default_backend: 'app',
            lines: ['http-request deny deny_status 429 if denied', 'http-response set-header X-Shop open'],
          },
          raw: { bind: [9000], mode: 'tcp', default_backend: 'raw' },
        },
        backends: {
          app: {
            balance: 'leastconn',
            option: ['httpchk GET /healthz'],
            servers: {
              web1: `${web1}:80`,
              web2: { address: `${web2}:80`, options: 'weight 10 maxconn 200 slowstart 1s' },
            },
            lines: ['http-check expect status 200', 'cookie SRV insert indirect nocache'],
          },
          static: { servers: { only: { address: `${web2}:8080`, options: 'no-check' } } },
          raw: { mode: 'tcp', servers: { web1: `${web1}:8080` } },
        },
        stats: { bind: `${address}:8404`, uri: '/stats' },
      };
    };
    path = await write(EL, keys);
    await up(path);
  });

  it('is healthy, and there is nothing left to do', async () => {
    const found = await status(path);
    expect(found).toMatchObject({ exit: 0, state: 'healthy', problems: [] });
    expect(
      found.servers.map(({ backend, server, status: said }) => [`${backend}/${server}`, said.lb1]),
    ).toEqual([
      ['app/web1', 'UP'],
      ['app/web2', 'UP'],
      ['static/only', 'no check'],
      ['raw/web1', 'UP'],
    ]);
    await settled(path);
  });

  const served = async () => {
    expect(await get(`http://${address}/`)).toMatch(/^This is Web[12]$/);
    expect(await get(`http://${address}:8081/`)).toMatch(/^This is Web[12]$/);
    // TLS with the certificate that was there.
    const tls = await get(
      `https://shop.example/`,
      `--cacert /tmp/crt.pem --resolve shop.example:443:${address} -D -`,
    );
    expect(tls).toMatch(/This is Web[12]$/);
    expect(tls).toMatch(/^x-shop: open\r$/im);
    // The path decides: /static goes to one server, case aside.
    for (const folder of ['static', 'STATIC']) {
      const split = await get(`http://${address}/${folder}/x`, '-o /dev/null -w %{http_code} -D -');
      expect(split.toLowerCase()).not.toContain('set-cookie: srv');
    }
    expect(await get(`http://${address}/static/`)).toBe('static Web2');
    expect(await get(`http://${address}/denied`, '-o /dev/null -w %{http_code}')).toBe('429');
    expect(await get(`http://${address}:9000/`)).toBe('This is Web1');
    expect(await get(`http://${address}:9000/`, '-o /dev/null -D -')).not.toMatch(/x-shop/i);
    expect(await get(`http://${address}:8404/stats`)).toMatch(/Statistics Report/);
  };

  it('is all served through the address', served);

  it('by the other host as well', async () => {
    await run('el1', 'systemctl stop keepalived');
    try {
      await heldOn(address, 'lb2', EL);
      await served();
    } finally {
      await run('el1', 'systemctl start keepalived');
    }
    await heldOn(address, 'lb1', EL);
  });

  it('the lines stand where HAProxy takes them', async () => {
    const cfg = await run('el2', 'cat /etc/haproxy/haproxy.cfg');
    const section = (head: string) => cfg.split(/\n(?=\S)/).find((it) => it.startsWith(head)) ?? '';
    expect(section('global')).toContain('maxconn 5000');
    expect(section('defaults')).toContain('timeout server 45s');
    expect(section('backend app')).toMatch(
      /balance leastconn[\s\S]*option httpchk GET \/healthz[\s\S]*server web1 \S+ check\n +server web2 \S+ check weight 10 maxconn 200 slowstart 1s/,
    );
    expect(section('backend static')).toMatch(/server only \S+$/m);
  });

  it('a line that HAProxy refuses is refused on the host, with its words, and the old configuration runs on', async () => {
    const wrong = await write(EL, (web) => {
      keys(web);
      (web.haproxy.defaults as string[]).push('option nonsense');
    });
    const refused = await lbctl('up', wrong);
    expect(refused.exit, refused.said).toBe(1);
    expect(refused.said).toContain("option 'nonsense'");
    await served();
    await settled(path);
  });
});
