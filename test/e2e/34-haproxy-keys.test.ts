import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { bare, EL, get, heldOn, run, settled, up, type Web, write } from './support/cluster.js';
import { lbctl, type Run } from './support/lbctl.js';
import { status } from './support/pair.js';

const PEM = '/etc/haproxy/site.pem';
/** For a bind that wants to see a certificate. */
const MUTUAL = `ssl crt ${PEM} ca-file ${PEM} verify required`;
/** On the client: answers everything with what it was asked. */
const ECHO = `import socket
s = socket.create_server(("", 8099))
while True:
    c, _ = s.accept()
    asked = c.recv(65536)
    c.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + asked)
    c.close()`;

describe('every key of an HAProxy that the inventory describes', () => {
  let path: string;
  let address: string;
  let keys: (web: Web) => void;
  let built: Run;

  beforeAll(async () => {
    await bare();
    const { vips, hosts } = await labInfo();
    address = vips[0] ?? '';
    const [web1, web2, client] = [hosts.web1.address, hosts.web2.address, hosts.client.address];
    await run('client', `setsid python3 -c '${ECHO}' >/dev/null 2>&1 &`);
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
      web.check = { port: 8500, interval: 2, timeout: 2, rise: 3 };
      web.haproxy = {
        global: ['maxconn 5000', 'tune.ssl.default-dh-param 2048'],
        defaults: ['timeout server 45s', 'option forwardfor'],
        frontends: {
          main: {
            bind: [80, `443 ssl crt ${PEM}`, `${address}:8081`],
            acl: ['url_static path_beg -i /static /images', 'denied path /denied', 'echo path /echo'],
            use_backend: ['static if url_static', 'echo if echo'],
            default_backend: 'app',
            lines: ['http-request deny deny_status 429 if denied', 'http-response set-header X-Shop open'],
          },
          raw: { bind: [9000], mode: 'tcp', default_backend: 'raw' },
          every: { bind: ['*:8082'], default_backend: 'app' },
          // Over these nobody is answered who has no name, no certificate or no PROXY header to give.
          particular: {
            bind: [`8443 ssl crt ${PEM} strict-sni`, `8444 ${MUTUAL}`, '8083 accept-proxy'],
            default_backend: 'app',
            lines: ['http-request deny deny_status 429 if { path /denied }'],
          },
        },
        backends: {
          app: {
            balance: 'leastconn',
            option: ['httpchk GET /healthz'],
            servers: {
              web1: { address: `${web1}:80`, options: 'cookie one' },
              web2: { address: `${web2}:80`, options: 'weight 10 maxconn 200 slowstart 1s cookie two' },
            },
            lines: ['http-check expect status 200', 'cookie SRV insert indirect nocache'],
          },
          static: { servers: { only: { address: `${web2}:8080`, options: 'no-check' } } },
          raw: { mode: 'tcp', servers: { web1: `${web1}:8080` } },
          echo: { servers: { client: { address: `${client}:8099`, options: 'no-check' } } },
        },
        stats: { bind: `${address}:8404`, uri: '/stats' },
      };
    };
    path = await write(EL, keys);
    built = await up(path);
  });

  it('up asks over every bind of the addresses what it can', async () => {
    const asked = [...built.said.matchAll(/frontend (\S+ on \S+) answers lb2(: answered by app)?/g)].map(
      ([, what = '', who]) => `${what.replace(address, 'VIP')}${who === undefined ? '' : ', by app'}`,
    );
    expect(asked).toEqual([
      ...['main on VIP:80, by app', 'main on VIP:443, by app', 'main on VIP:8081, by app'],
      ...['raw on VIP:9000', 'every on VIP:8082, by app'],
      ...['particular on VIP:8443', 'particular on VIP:8444', 'particular on VIP:8083', 'stats on VIP:8404'],
    ]);
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
      ['echo/client', 'no check'],
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
    expect(await get(`http://${address}:8082/`)).toMatch(/^This is Web[12]$/);
    // What the server is told, and what the client is.
    expect(await get(`http://${address}/echo`)).toMatch(/^x-forwarded-for: 10\.\S+\.41\r?$/im);
    expect(await get(`http://${address}/`, '-o /dev/null -D -')).toMatch(/^set-cookie: SRV=(?:one|two);/im);
    // Whoever has what is wanted is answered.
    const strict = `--cacert /tmp/crt.pem --resolve shop.example:8443:${address}`;
    expect(await get('https://shop.example:8443/', strict)).toMatch(/^This is Web[12]$/);
    expect(await get(`https://${address}:8444/`, '-k --cert /tmp/crt.pem --key /tmp/key.pem')).toMatch(
      /^This/,
    );
    expect(await get(`http://${address}:8083/`, '--haproxy-protocol')).toMatch(/^This is Web[12]$/);
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
      /balance leastconn[\s\S]*option httpchk GET \/healthz[\s\S]*server web1 \S+ check cookie one\n +server web2 \S+ check weight 10 maxconn 200 slowstart 1s cookie two/,
    );
    expect(section('backend static')).toMatch(/server only \S+$/m);
  });

  it('is watched over its port, as often as the check says', async () => {
    for (const host of ['el1', 'el2'] as const) {
      const conf = await run(
        host,
        'cat /etc/keepalived/keepalived.conf; cat /usr/libexec/keepalived/lbctl-check-haproxy',
      );
      for (const line of [
        /^\s*interval 2$/m,
        /^\s*timeout \d+$/m,
        /^\s*rise 3$/m,
        /127\.0\.0\.1\S* ?\S*8500/,
      ])
        expect(conf).toMatch(line);
    }
  });

  it('verify.url is asked by the name that strict-sni wants, for its status', async () => {
    const asking = await write(EL, (web) => {
      keys(web);
      web.verify = { url: 'https://shop.example:8443/denied', status: 429 };
    });
    const verified = await up(asking);
    expect(verified.said).toContain(`https://shop.example:8443/denied on ${address}:8443 answers lb2`);
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
