import type { Backend, Cluster, Frontend, Server } from '../inventory/model.js';
import { OWN_SECTION } from '../inventory/own-section.js';
import { bindTargets } from './binds.js';
import { type Family, GENERATED, STATS_SOCKET } from './platform.js';

/** Answers `/healthz` (keepalived's check script asks it) and `/stats;csv` (`lbctl status` reads it). */
export const MONITOR_FRONTEND = 'lbctl_monitor';
export const MONITOR_URI = '/healthz';
export const MONITOR_STATS_URI = '/stats';

/**
 * Response header that names the server that answered. Sent only to the load balancers' own addresses, so
 * that the verification can say who answered while clients see nothing new.
 */
export const SERVER_HEADER = 'x-lbctl-server';

/**
 * Words of an ACL that never matches, until the first of them is added to it over the stats socket: from then on clients
 * are asked to close their connections. A reload forgets it.
 */
export const DRAIN = { on: 'lbctl_drain_on', off: 'lbctl_drain_off' } as const;

const STATS_SOCKET_LINE = `stats socket ${STATS_SOCKET} mode 600 level admin expose-fd listeners`;

/** The whole haproxy.cfg of a cluster: the same text on each of its hosts. Accepted by HAProxy 1.8 to 3.x. */
export function renderHaproxy(cluster: Cluster, family: Family): string {
  const { haproxy } = cluster;
  if (haproxy.configFile !== null) return ownConfig(haproxy.configFile.loaded?.text, cluster);
  const sections = [
    globalSection(haproxy.global, family),
    defaultsSection(haproxy.defaults),
    ...haproxy.frontends.map((frontend) => frontendSection(frontend, cluster)),
    ...haproxy.backends.map(backendSection),
    ...(haproxy.stats === null ? [] : [statsSection(haproxy.stats)]),
    monitorSection(cluster.check.port),
  ];
  return `${GENERATED}\n${sections.map((lines) => `\n${lines.join('\n')}\n`).join('')}`;
}

/** `ADDRESS:PORT` with IPv6 addresses in brackets, as HAProxy writes them. */
export function bindAddress(address: string, port: number): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * A user's own haproxy.cfg with what lbctl needs of it behind. HAProxy adds up several `global` sections, and
 * `defaults` of our own keep the user's away from the monitor.
 */
function ownConfig(text: string | undefined, cluster: Cluster): string {
  if (text === undefined) throw new Error('the config_file was not read');
  const sections = [
    section('global', [STATS_SOCKET_LINE]),
    section('defaults', ['timeout client 5s', 'timeout connect 5s', 'timeout server 5s']),
    monitorSection(cluster.check.port),
  ];
  const own = sections.map((lines) => `${lines.join('\n')}\n`).join('');
  return `${GENERATED}\n${text}\n${OWN_SECTION.begin}\n${own}${OWN_SECTION.end}\n`;
}

function section(head: string, lines: readonly string[]): string[] {
  return [head, ...lines.map((line) => `    ${line}`)];
}

function globalSection(extra: readonly string[], family: Family): string[] {
  return section('global', [
    // Inside the chroot only Debian's unit makes /dev/log visible; EL's own configuration logs to local2.
    family === 'debian' ? 'log /dev/log local0' : 'log 127.0.0.1 local2',
    'chroot /var/lib/haproxy',
    'user haproxy',
    'group haproxy',
    // No maxconn: HAProxy derives it from the limit of open files, which a value of ours could exceed.
    STATS_SOCKET_LINE,
    'stats timeout 30s',
    ...extra,
  ]);
}

function defaultsSection(extra: readonly string[]): string[] {
  return section('defaults', [
    'log global',
    'mode http',
    'option dontlognull',
    'option redispatch',
    'retries 3',
    'timeout connect 5s',
    'timeout client 50s',
    'timeout server 50s',
    'timeout queue 30s',
    'timeout check 5s',
    'timeout http-request 10s',
    'timeout http-keep-alive 10s',
    // A server's name that does not resolve yet must not keep HAProxy from starting. A host that was cut off has given its
    // servers up: once it has the address back it answers 503 until it has asked them twice, 2 s apart by HAProxy's own
    // `inter`. So it asks every 0.5 s while a server is down or in doubt.
    'default-server init-addr last,libc,none fastinter 500ms downinter 500ms',
    ...extra,
  ]);
}

function frontendSection(frontend: Frontend, cluster: Cluster): string[] {
  const binds = frontend.bind.flatMap((bind) =>
    bindTargets(bind, cluster).map(({ address, port }) =>
      ['bind', bindAddress(address, port), bind.options].filter(Boolean).join(' '),
    ),
  );
  const hostAddresses = cluster.hosts.map((host) => host.address).join(' ');
  return section(`frontend ${frontend.name}`, [
    ...binds,
    `mode ${frontend.mode}`,
    frontend.mode === 'http' ? 'option httplog' : 'option tcplog',
    ...frontend.acl.map((acl) => `acl ${acl}`),
    ...(frontend.mode === 'http'
      ? [
          `http-response set-header ${SERVER_HEADER} %b/%s if { src ${hostAddresses} }`,
          `acl lbctl_drain str(${DRAIN.on}) -m str ${DRAIN.off}`,
          'http-response set-header Connection close if lbctl_drain',
        ]
      : []),
    ...frontend.lines,
    ...frontend.useBackend.map((rule) => `use_backend ${rule}`),
    ...(frontend.defaultBackend === null ? [] : [`default_backend ${frontend.defaultBackend}`]),
  ]);
}

function backendSection(backend: Backend): string[] {
  return section(`backend ${backend.name}`, [
    `mode ${backend.mode}`,
    `balance ${backend.balance}`,
    ...backend.option.map((option) => `option ${option}`),
    ...backend.lines,
    ...backend.servers.map(serverLine),
  ]);
}

function serverLine(server: Server): string {
  // HAProxy 1.8 does not know `no-check` where no default-server set `check`: leaving both out says the same.
  const options = server.options
    .split(/\s+/)
    .filter((word) => word !== '' && word !== 'no-check' && word !== 'check');
  return ['server', server.name, server.address, ...(server.check ? ['check'] : []), ...options].join(' ');
}

function statsSection(stats: { bind: string; uri: string }): string[] {
  return section('frontend lbctl_stats', [
    `bind ${stats.bind}`,
    'mode http',
    'stats enable',
    `stats uri ${stats.uri}`,
    'stats refresh 10s',
  ]);
}

function monitorSection(port: number): string[] {
  return section(`frontend ${MONITOR_FRONTEND}`, [
    `bind 127.0.0.1:${port}`,
    'mode http',
    'no log',
    `monitor-uri ${MONITOR_URI}`,
    'stats enable',
    `stats uri ${MONITOR_STATS_URI}`,
    // Without it the statistics leave out the servers' addresses.
    'stats show-legends',
  ]);
}
