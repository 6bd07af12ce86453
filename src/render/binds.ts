import { sameAddress } from '../base/addresses.js';
import { parseAddress } from '../inventory/addresses.js';
import { splitLine } from '../inventory/haproxy-line.js';
import type { Bind, Cluster, Frontend, VirtualAddress } from '../inventory/model.js';

export interface BoundPort {
  /** `*`: every IPv4 address; `::`: every address. null: written so that it cannot be told before HAProxy runs. */
  readonly address: string | null;
  readonly port: number;
}

/** What HAProxy will bind besides lbctl's own monitor, as far as that can be told before it runs. */
export function boundPorts(cluster: Cluster): BoundPort[] {
  const { configFile, frontends, stats } = cluster.haproxy;
  if (configFile !== null) return [...(configFile.loaded?.binds ?? [])];
  const statistics = stats === null ? null : placeOf(stats.bind);
  return [
    ...frontends.flatMap((frontend) => frontend.bind.flatMap((bind) => bindTargets(bind, cluster))),
    ...(statistics === null ? [] : [statistics]),
  ];
}

/** Every address and port that a bind stands for: a bare port means each virtual address of the cluster. */
export function bindTargets(
  bind: Pick<Bind, 'address' | 'port'>,
  cluster: Cluster,
): { address: string; port: number }[] {
  const addresses =
    bind.address === null ? virtualAddresses(cluster).map(({ address }) => address) : [bind.address];
  return addresses.map((address) => ({ address, port: bind.port }));
}

/** `ADDRESS:PORT`, IPv6 addresses in brackets. */
function placeOf(text: string): { address: string; port: number } | null {
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return address === undefined ? null : { address, port: Number(port) };
}

export function virtualAddresses(cluster: Cluster): VirtualAddress[] {
  return cluster.vrrpInstances.flatMap((instance) => instance.virtualIpaddress);
}

/**
 * The virtual addresses over which a bind is reached. `*` is IPv4's; `::` takes both families on Linux, unless its options
 * say `v6only`.
 */
export function reachedAt(
  bind: { readonly address: string | null; readonly options?: string },
  cluster: Cluster,
): string[] {
  const { address } = bind;
  const words = splitLine(bind.options ?? '').words;
  return virtualAddresses(cluster)
    .filter((vip) => {
      if (address === null) return true;
      if (address === '*' || address === '0.0.0.0') return vip.family === 4;
      if (address === '::') return vip.family === 6 || !words.includes('v6only');
      return sameAddress(address, vip.address);
    })
    .map((vip) => vip.address);
}

/** The reachable places of `stats`. */
export function statsPlaces(cluster: Cluster): { address: string; port: number }[] {
  const { stats } = cluster.haproxy;
  const place = stats === null ? null : placeOf(stats.bind);
  return place === null ? [] : reachedAt(place, cluster).map((address) => ({ address, port: place.port }));
}

/** The name that a TLS client gives (SNI) for a Host header: never an address. */
export function servernameOf(hostHeader: string): string | null {
  const name = hostHeader.replace(/:\d+$/, '');
  return name.startsWith('[') || parseAddress(name) !== undefined ? null : name;
}

/**
 * What can be asked over a bind by somebody who has no client certificate and no PROXY header to show, and gives the name
 * `servername`. `tcp`: nothing but whether it accepts connections.
 */
export function askableBy(
  servername: string | null,
  {
    frontend,
    bind,
    cluster,
  }: { readonly frontend: Frontend; readonly bind: Bind; readonly cluster: Cluster },
): 'http' | 'https' | 'tcp' {
  if (frontend.mode !== 'http') return 'tcp';
  const { words } = splitLine(bind.options);
  const follows = (one: string, other: string) =>
    words.some((it, at) => it === one && words[at + 1] === other);
  const header =
    words.includes('accept-proxy') ||
    words.includes('accept-netscaler-cip') ||
    frontend.lines.some((line) =>
      /^\s*tcp-request\s+connection\s+expect-(?:proxy|netscaler-cip)\b/.test(line),
    );
  // h2 without TLS: a question in HTTP/1.1 is not understood.
  if (header || follows('verify', 'required') || (!bind.ssl && follows('proto', 'h2'))) return 'tcp';
  const strict =
    words.includes('strict-sni') ||
    cluster.haproxy.global.some((line) => /^\s*ssl-default-bind-options\s.*\bstrict-sni\b/.test(line));
  if (bind.ssl && strict && servername === null) return 'tcp';
  return bind.ssl ? 'https' : 'http';
}
