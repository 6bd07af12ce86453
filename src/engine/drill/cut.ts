import { type Command, joinCommands, raw, sh } from '../../base/shell.js';
import type { Cluster, Host } from '../../inventory/model.js';
import { type InterfaceFacts, interfaceFor } from '../../resources/probes/network.js';
import type { Fault } from './faults.js';

/** What a host says of how it can be cut off. */
export interface CutFacts {
  /** nft can make the tables that the cut needs. */
  readonly nft: boolean;
  /** Where lbctl's own SSH connection comes from, as the host sees it; null: not to be seen. */
  readonly ssh: { readonly client: string; readonly port: number } | null;
  /** By interface: its routes, as `ip route` prints them. */
  readonly routes: Readonly<Record<string, readonly { readonly family: 4 | 6; readonly route: string }[]>>;
  /** By interface: net.ipv6.conf.*.keep_addr_on_down, without which a link that goes down loses its IPv6 addresses. */
  readonly keepAddresses: Readonly<Record<string, string>>;
}

/** Milliseconds in which the host can still say that it was told to take its link down. */
const LINK_DELAY = 300;

const TABLE = 'lbctl_drill';

function keepPath(device: string): string {
  return `/proc/sys/net/ipv6/conf/${device}/keep_addr_on_down`;
}

/**
 * sudo takes SSH_CONNECTION away: it is looked for in the processes above this one. With nft the cut is first tried
 * as a check (`-c`): kernels without its ARP family exist. Kernel settings are read by cat: dash's `read` asks for one byte after
 * the other, and such a file has an end after the first.
 */
export function cutFactsScript(devices: readonly string[]): Command {
  return joinCommands([
    sh`p=$$
while [ "\${p:-0}" -gt 1 ]; do
  c=$(tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
  [ -z "$c" ] || break
  p=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$p/status" 2>/dev/null)
done
[ -z "$c" ] || echo "ssh $c"
if command -v nft >/dev/null 2>&1 && printf 'table %s {\n chain x {\n type filter hook input priority -400;\n }\n}\n' ${`inet ${TABLE}`} ${`arp ${TABLE}`} | nft -c -f - >/dev/null 2>&1; then
  echo nft
fi`,
    ...devices.map(
      (device) => sh`ip -4 route show dev ${device} | sed ${`s/^/route 4 ${device} /`}
ip -6 route show dev ${device} | sed ${`s/^/route 6 ${device} /`}
keep=$(cat ${keepPath(device)} 2>/dev/null) && echo keep ${device} "$keep"`,
    ),
    raw('exit 0'),
  ]);
}

export function parseCutFacts(stdout: string): CutFacts {
  const lines = stdout.split('\n');
  const words = lines.find((line) => line.startsWith('ssh '))?.split(' ') ?? [];
  const [, client, , , port] = words;
  const routes: Record<string, { family: 4 | 6; route: string }[]> = {};
  for (const line of lines) {
    const [, family, device, route] = /^route ([46]) (\S+) (.+)$/.exec(line) ?? [];
    if (device === undefined || route === undefined) continue;
    // The kernel makes these by itself when the interface is up again.
    if (/\bproto kernel\b|^(?:fe80|ff00|multicast)/.test(route)) continue;
    routes[device] = [
      ...(routes[device] ?? []),
      { family: family === '4' ? 4 : 6, route: route.trim().replace(/ linkdown| dead/g, '') },
    ];
  }
  return {
    nft: lines.includes('nft'),
    ssh: client === undefined || port === undefined ? null : { client, port: Number(port) },
    routes,
    keepAddresses: Object.fromEntries(
      lines.flatMap((line) => {
        const [, device, value] = /^keep (\S+) (-?\d+)$/.exec(line) ?? [];
        return device === undefined || value === undefined ? [] : [[device, value]];
      }),
    ),
  };
}

/** Where the cluster's virtual addresses are on a host. */
export function cutDevices(cluster: Cluster, host: Host, network: readonly InterfaceFacts[]): string[] {
  const devices = cluster.vrrpInstances.flatMap((it) => interfaceFor(it, host, network) ?? []);
  return [...new Set(devices)];
}

export type CutPlan =
  | { readonly possible: true; readonly fault: Fault; readonly method: 'nft' | 'link' }
  | { readonly possible: false; readonly why: string };

export interface CutInput {
  readonly facts: CutFacts;
  readonly devices: readonly string[];
  readonly vips: readonly string[];
  /** Seconds that the link stays down where nft is not there: nobody can tell the host to come back then. */
  readonly downSeconds: number;
}

/**
 * With nft everything on the interfaces is dropped, but what comes from where lbctl's SSH connection comes from to
 * sshd's port. The host must not answer ARP for the virtual addresses either, as one without a cable would not. Without
 * nft the interfaces are taken down for a fixed time, the SSH connection with them if it goes that way.
 */
export function planCut(input: CutInput): CutPlan {
  const { facts, devices } = input;
  if (devices.length === 0)
    return { possible: false, why: 'no interface of the virtual addresses was found' };
  if (facts.nft && facts.ssh !== null)
    return { possible: true, method: 'nft', fault: nftCut(input, facts.ssh) };
  return { possible: true, method: 'link', fault: linkCut(input) };
}

const isV6 = (address: string): boolean => address.includes(':');

function nftCut({ devices, vips }: CutInput, ssh: { client: string; port: number }): Fault {
  const client = ssh.client.replace(/%.*/, '');
  const family = isV6(client) ? 'ip6' : 'ip';
  const names = `{ ${devices.map((it) => `"${it}"`).join(', ')} }`;
  const four = vips.filter((it) => !isV6(it));
  const six = vips.filter(isV6);
  const chain = (name: 'input' | 'output', rules: readonly string[]) => {
    const device = name === 'input' ? 'iifname' : 'oifname';
    const body = rules.map((rule) => `    ${device} ${names} ${rule}\n`).join('');
    return `  chain ${name} {\n    type filter hook ${name} priority -400; policy accept;\n${body}  }\n`;
  };
  // Over IPv6 the SSH connection lives on neighbour discovery; the answers for a virtual address come from it.
  const neighbours =
    family === 'ip6'
      ? ['icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept']
      : [];
  const own = six.length === 0 ? [] : [`ip6 saddr { ${six.join(', ')} } drop`];
  const arp = four.flatMap((vip) => [`arp saddr ip ${vip} drop`, `arp daddr ip ${vip} drop`]);
  const rules = `table inet ${TABLE} {
${chain('input', [...own, `${family} saddr ${client} tcp dport ${ssh.port} accept`, ...neighbours, 'drop'])}${chain('output', [...own, `${family} daddr ${client} tcp sport ${ssh.port} accept`, ...neighbours, 'drop'])}}
table arp ${TABLE} {
${chain('input', arp)}${chain('output', arp)}}
`;
  return {
    title: 'cut off from the network',
    moves: 'always',
    make: sh`printf %s ${rules} | nft -f -`,
    undo: sh`nft delete table arp ${TABLE} 2>/dev/null
nft delete table inet ${TABLE} 2>/dev/null
! nft list tables 2>/dev/null | grep -q ${TABLE}`,
  };
}

function linkCut({ facts, devices, downSeconds }: CutInput): Fault {
  const keep = (value: (before: string) => string) =>
    Object.entries(facts.keepAddresses).map(
      ([device, before]) => sh`echo ${value(before)} >${keepPath(device)}`,
    );
  const undo = joinCommands([
    ...devices.map((device) => sh`ip link set dev ${device} up`),
    ...devices.flatMap((device) =>
      (facts.routes[device] ?? []).map(
        ({ family, route }) => sh`i=0
until ip ${`-${family}`} route replace ${route.split(/ +/)} dev ${device}; do
  i=$((i + 1))
  [ "$i" -lt 50 ] || exit 1
  sleep 0.1
done`,
      ),
    ),
    ...keep((before) => before),
  ]);
  const cut = joinCommands([
    sh`sleep ${LINK_DELAY / 1000}`,
    ...keep(() => '1'),
    ...devices.map((device) => sh`ip link set dev ${device} down`),
    sh`sleep ${downSeconds}`,
    undo,
  ]);
  return {
    title: 'cut off from the network',
    moves: 'always',
    // In a session of its own: it goes on when the connection is gone.
    delayMs: LINK_DELAY,
    make: sh`setsid /bin/sh -c ${cut.text} </dev/null >/dev/null 2>&1 &`,
    undo,
  };
}
