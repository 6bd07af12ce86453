import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/inventory/model.js';
import { type Target, throughVipProbe, verifyTargets } from '../../../src/resources/probes/through-vip.js';
import { certificate } from '../support/certificate.js';
import { type Changes, clusterOf } from '../support/model.js';
import { runShellAsync, temporaryFolder } from '../support/shell.js';

const VIPS = ['[10.0.0.100/24]', '[10.0.0.100/24, 10.0.0.101/24]'] as const;
const SIX = [
  '    haproxy:\n',
  '      VI_6: { virtual_router_id: 66, interface: eth0, virtual_ipaddress: ["2001:db8::100/64"] }\n    haproxy:\n',
] as const;
const bind = (text: string) => ['bind: [80]', `bind: [${text}]`] as const;
const key = (text: string) => ['    haproxy:\n', `    ${text}\n    haproxy:\n`] as const;

const told = (cluster: Cluster) =>
  verifyTargets(cluster).map(({ kind, address, port }) => `${kind} ${address} ${port}`);

describe('what is asked through the virtual addresses', () => {
  it.each<[bind: string, expected: string[]]>([
    ['80', ['http 10.0.0.100 80', 'http 10.0.0.101 80', 'http 2001:db8::100 80']],
    ['"10.0.0.101:80"', ['http 10.0.0.101 80']],
    ['"10.0.0.11:80"', []],
    ['"127.0.0.1:80"', []],
    ['"*:80"', ['http 10.0.0.100 80', 'http 10.0.0.101 80']],
    ['":80"', ['http 10.0.0.100 80', 'http 10.0.0.101 80']],
    ['"0.0.0.0:443 ssl crt /a.pem"', ['https 10.0.0.100 443', 'https 10.0.0.101 443']],
    ['"[::]:80"', ['http 10.0.0.100 80', 'http 10.0.0.101 80', 'http 2001:db8::100 80']],
    ['"[::]:80 v4v6"', ['http 10.0.0.100 80', 'http 10.0.0.101 80', 'http 2001:db8::100 80']],
    ['"[::]:80 v6only"', ['http 2001:db8::100 80']],
  ])('bind %s', (text, expected) => {
    expect(told(clusterOf(VIPS, SIX, bind(text)))).toEqual(expected);
  });

  it.each<[options: string, kind: string]>([
    ['ssl crt /a.pem', 'https'],
    ['ssl crt /a.pem verify none', 'https'],
    ['ssl crt /a.pem ca-file /ca.pem verify optional', 'https'],
    ['ssl crt /a.pem ca-file /ca.pem verify required', 'tcp'],
    ['ssl crt /a.pem strict-sni', 'tcp'],
    ['ssl crt "/a strict-sni.pem" alpn h2,http/1.1', 'https'],
    ['accept-proxy', 'tcp'],
    ['ssl crt /a.pem accept-proxy', 'tcp'],
    ['proto h2', 'tcp'],
    ['ssl crt /a.pem proto h2', 'https'],
  ])('a bind with "%s": as %s', (options, kind) => {
    expect(told(clusterOf(bind(`'443 ${options}'`)))).toEqual([`${kind} 10.0.0.100 443`]);
  });

  it.each<[string, ...Changes]>([
    [
      'a rule of the frontend',
      ['app }', 'app, lines: ["tcp-request connection expect-proxy layer4"] }'],
      bind('80'),
    ],
    [
      'a default of all binds',
      ['    haproxy:\n', '    haproxy:\n      global: ["ssl-default-bind-options no-sslv3 strict-sni"]\n'],
      bind('"80 ssl crt /a.pem"'),
    ],
  ])('that it wants more than a stranger has, by %s', (_, ...changes) => {
    expect(told(clusterOf(...changes))).toEqual(['tcp 10.0.0.100 80']);
  });

  it.each<[what: string, url: string, options: string, kind: string]>([
    ['the name that strict-sni wants', 'https://shop.example/', 'ssl crt /a.pem strict-sni', 'https'],
    ['no name: an address', 'https://10.0.0.100/', 'ssl crt /a.pem strict-sni', 'tcp'],
    ['a client certificate', 'https://shop.example/', 'ssl crt /a.pem verify required ca-file /b', 'tcp'],
    ['a PROXY header', 'https://shop.example/', 'ssl crt /a.pem accept-proxy', 'tcp'],
    ['another port', 'http://shop.example:8080/', 'accept-proxy', 'http'],
  ])('verify.url where there is %s', (_, url, options, kind) => {
    const targets = verifyTargets(clusterOf(bind(`"443 ${options}"`), key(`verify: { url: "${url}" }`)));
    expect(targets.at(-1)).toMatchObject({ frontend: url, kind });
  });

  it.each([
    ['"10.0.0.100:8404"', ['tcp 10.0.0.100 8404']],
    ['"*:8404"', ['tcp 10.0.0.100 8404']],
    ['"127.0.0.1:8404"', []],
  ])('stats on %s, whether there is a verify.url or not', (text, expected) => {
    const stats = ['      frontends:\n', `      stats: { bind: ${text} }\n      frontends:\n`] as const;
    expect(told(clusterOf(stats))).toEqual(['http 10.0.0.100 80', ...expected]);
    const url = key('verify: { url: "http://shop.example/" }');
    expect(told(clusterOf(stats, url))).toEqual([...expected, 'http 10.0.0.100 80']);
  });
});

const servers: TcpServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const PAGE = 'HTTP/1.1 200 OK\r\nX-Lbctl-Server: app/web1\r\nContent-Length: 2\r\n\r\nok';

/** A server on loopback; its port. */
function listen(server: TcpServer): Promise<number> {
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      resolve(at !== null && typeof at === 'object' ? at.port : 0);
    }),
  );
}

const tls = (options: TlsOptions) =>
  listen(
    createTlsServer({ ...certificate(), ...options }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(PAGE));
    }).on('tlsClientError', () => undefined),
  );

/** Only that name is known there. */
const strict: TlsOptions['SNICallback'] = (name, done) =>
  name === 'shop.example' ? done(null, createSecureContext(certificate())) : done(new Error('unknown'));

/** As the standby asks: keepalived runs there, and it does not hold the address. */
async function ask(
  target: Partial<Target>,
): Promise<[connected: boolean, status: number | null, string | null][]> {
  const folder = temporaryFolder();
  for (const [name, says] of [
    ['systemctl', 'echo ActiveState=active'],
    ['ip', ':'],
  ] as const) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${says}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const whole: Target = {
    ...{ frontend: 'main', kind: 'https', address: '127.0.0.1', port: 1, hostHeader: '127.0.0.1', path: '/' },
    ...{ tries: 2, ...target },
  };
  const probe = throughVipProbe([whole]);
  const parsed = probe.parse(await runShellAsync(probe.script, { path: folder }));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value.map(({ connected, status, server }) => [connected, status, server]);
}

describe('HTTPS, asked as a host does', () => {
  it('is answered, by whom', async () => {
    const port = await tls({});
    expect(await ask({ port })).toEqual([
      [true, 200, 'app/web1'],
      [true, 200, 'app/web1'],
    ]);
  });

  it('gives the name of the URL, which a server may insist on', async () => {
    const port = await tls({ SNICallback: strict });
    expect((await ask({ port, hostHeader: 'shop.example:8443' }))[0]).toEqual([true, 200, 'app/web1']);
  });

  it('a server that wants to see a certificate is there, and no more can be told', async () => {
    const port = await tls({ requestCert: true, rejectUnauthorized: true, ca: certificate().cert });
    const required = await ask({ port, tries: 1 });
    expect(required).toEqual([[true, null, null]]);
  });

  it('what accepts connections and speaks no TLS does not answer', async () => {
    const port = await listen(createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')));
    expect(await ask({ port })).toEqual([[false, null, null]]);
  });
});
