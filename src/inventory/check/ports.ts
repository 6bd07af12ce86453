import type { SourceSpan } from '../../base/diagnostic.js';
import { isLoopback } from '../addresses.js';
import { splitLine } from '../haproxy-line.js';
import type { Cluster } from '../model.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';

interface Listener {
  /** `*` stands for every IPv4 address of the host, loopback and virtual ones included, `::` for every address. */
  readonly address: string;
  /** Of `::`: for every IPv6 address only. */
  readonly v6only: boolean;
  readonly port: number;
  readonly owner: string;
  readonly source: SourceSpan;
}

/** No port of one address twice, and none that lbctl's own monitor has. */
export function checkPorts(cluster: Cluster, places: Places, problems: Problems): void {
  const taken = new Map<number, Listener[]>();
  for (const listeners of listenersOf(cluster, places)) {
    const [one] = listeners;
    if (one === undefined) continue;
    if (one.port === cluster.check.port) {
      const summary = `the port ${one.port} is taken by lbctl's own monitor`;
      problems.error(
        one.source,
        'monitor-port',
        summary,
        'choose another, or move the monitor with check: { port: … }',
      );
    }
    const others = taken.get(one.port) ?? [];
    const clash = listeners.flatMap((listener) => others.find((other) => collide(listener, other)) ?? [])[0];
    if (clash !== undefined) {
      const where = clash.address === '*' ? 'every address' : clash.address;
      const summary = `the port ${one.port} on ${where} is already bound by ${clash.owner} (line ${clash.source.line})`;
      problems.error(one.source, 'duplicate-port', summary);
      continue;
    }
    taken.set(one.port, [...others, ...listeners]);
  }
}

/** Of two listeners on one port. */
function collide(one: Listener, other: Listener): boolean {
  if (one.address === other.address) return true;
  return (one.address === '*' && takesIpv4(other)) || (other.address === '*' && takesIpv4(one));
}

function takesIpv4({ address, v6only }: Listener): boolean {
  return address === '::' ? !v6only : !address.includes(':');
}

/** For each bind of the file what HAProxy will listen on. */
function listenersOf(cluster: Cluster, places: Places): Listener[][] {
  const virtual = virtualAddresses(cluster);
  const all = cluster.haproxy.frontends.flatMap((frontend) =>
    frontend.bind.map(({ address, port, options, source }) => {
      const owner = `the frontend "${frontend.name}"`;
      // Without any virtual address (a mistake that was told) a port still is one port.
      const addresses = address === null ? (virtual.length > 0 ? virtual : ['']) : [address];
      const v6only = splitLine(options).words.includes('v6only');
      return addresses.map((each) => ({ address: each, v6only, port, owner, source }));
    }),
  );
  const { stats } = cluster.haproxy;
  const match = /^(.*):(\d+)$/.exec(stats?.bind ?? '');
  if (stats !== null && match !== null) {
    const [, address = '', port] = match;
    const source = places.get(stats, 'bind') ?? cluster.source;
    all.push([
      {
        address: address.replace(/^\[(.*)\]$/, '$1'),
        v6only: false,
        port: Number(port),
        owner: '"stats"',
        source,
      },
    ]);
  }
  return all;
}

function virtualAddresses(cluster: Cluster): string[] {
  return cluster.vrrpInstances.flatMap(({ virtualIpaddress }) =>
    virtualIpaddress.map(({ address }) => address),
  );
}

/** A server at which HAProxy would meet itself. */
export function checkServerLoops(cluster: Cluster, places: Places, problems: Problems): void {
  const virtual = new Set(virtualAddresses(cluster));
  const own = new Set(cluster.hosts.map(({ address }) => address));
  const listeners = new Map<number, Listener[]>();
  for (const listener of listenersOf(cluster, places).flat()) {
    const same = listeners.get(listener.port);
    if (same === undefined) listeners.set(listener.port, [listener]);
    else same.push(listener);
  }
  for (const server of cluster.haproxy.backends.flatMap(({ servers }) => servers)) {
    const match = /^\[?([^\]]*)\]?:(\d+)$/.exec(server.address);
    if (match === null) continue;
    const [, address = '', port] = match;
    const reachesHost = virtual.has(address) || own.has(address) || isLoopback(address);
    const loop = listeners
      .get(Number(port))
      ?.find((listener) => listener.address === address || (listener.address === '*' && reachesHost));
    const place = places.of(server, 'address');
    if (loop !== undefined) {
      const summary = `the server "${server.name}" is ${loop.owner} itself: requests would go round in circles`;
      problems.error(place, 'server-is-frontend', summary, 'a server is a machine behind the load balancers');
    } else if (virtual.has(address)) {
      const summary = `the server "${server.name}" is a virtual address of this cluster`;
      problems.error(place, 'server-is-vip', summary, 'a server is a machine behind the load balancers');
    }
  }
}
