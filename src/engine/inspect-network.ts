import { sameAddress } from '../base/addresses.js';
import type { Cluster } from '../inventory/model.js';
import { type Answering, answeringProbe } from '../resources/probes/answering.js';
import { networkProbe } from '../resources/probes/network.js';
import type { Facts } from '../resources/types.js';
import type { ClusterStatus, Problem } from './documents.js';
import { know } from './facts.js';
import type { Findings } from './inspect.js';

type VipRow = ClusterStatus['virtual_ips'][number];

/** What the network and keepalived say of who holds what, against what the interfaces show. */
export function networkFindings(
  cluster: Cluster,
  status: ClusterStatus,
  facts: ReadonlyMap<string, Facts>,
): Findings {
  const owners = new Map<string, Owner[]>();
  for (const [host, own] of facts) {
    const interfaces = know(own, networkProbe) ?? [];
    const lingering = interfaces.flatMap((it) => it.lingering ?? []);
    for (const { mac } of interfaces) {
      if (mac !== null) owners.set(mac, [...(owners.get(mac) ?? []), { host, lingering }]);
    }
  }
  const answers = new Map([...facts].map(([host, own]) => [host, know(own, answeringProbe)] as const));
  const problems = status.virtual_ips.flatMap((vip) => [
    ...foreign(vip, answers, owners, status),
    ...withoutAddress(vip, answers, owners),
    ...outOfStep(vip, status),
  ]);
  const silent = cluster.vrrpInstances.flatMap(({ name }) => notHeard(name, status));
  const blind = [...answers].flatMap(([host, answer]) => {
    if (answer !== null) return [];
    return [{ code: 'unknown_fact', message: 'who answers for the addresses could not be asked', host }];
  });
  return { problems: [...problems, ...silent, ...blind], notes: notCounted(status, answers) };
}

type Answers = ReadonlyMap<string, Answering | null>;

/** A host of the cluster that has a MAC address; several where machines were copied with theirs. */
interface Owner {
  readonly host: string;
  /** Addresses that have just left it: for a moment it answers for them. */
  readonly lingering: readonly string[];
}

/** MAC addresses that answer for an address and belong to no host that was reached. */
function foreign(
  vip: VipRow,
  answers: Answers,
  owners: ReadonlyMap<string, readonly Owner[]>,
  status: ClusterStatus,
): Problem[] {
  const strangers = answeringFor(vip, answers).filter((mac) => !owners.has(mac));
  if (strangers.length === 0) return [];
  const missing = status.hosts.filter((host) => !host.reachable).map((host) => host.name);
  const who =
    missing.length > 0
      ? `${missing.join(' or ')}, which cannot be reached, or a machine outside the cluster`
      : 'a machine outside the cluster';
  const ours = vip.holders.length > 0 ? ` while ${vip.holders.join(' and ')} holds it` : '';
  // A host that is out of reach and serves alone is what one would hope for.
  if (missing.length > 0 && vip.holders.length === 0) {
    const message = `${vip.address} is answered for by MAC address ${strangers.join(', ')}: ${who}`;
    return [{ code: 'held_out_of_reach', message, host: null }];
  }
  const message = `${who} (MAC address ${strangers.join(', ')}) answers for ${vip.address}${ours}: find it with \`ip neigh\` and the switch's tables, and take the address off it`;
  return [{ code: 'foreign_holder', message, host: null }];
}

/** Hosts of the cluster that answer for an address which none of their interfaces has. */
function withoutAddress(
  vip: VipRow,
  answers: Answers,
  owners: ReadonlyMap<string, readonly Owner[]>,
): Problem[] {
  const hasIt = ({ host, lingering }: Owner) =>
    vip.holders.includes(host) || lingering.some((it) => sameAddress(it, vip.address));
  return answeringFor(vip, answers).flatMap((mac) => {
    const mine = owners.get(mac) ?? [];
    const [owner] = mine;
    if (owner === undefined || mine.some(hasIt)) return [];
    const message = `${owner.host} (MAC address ${mac}) answers for ${vip.address}, which none of its interfaces has: look for proxy ARP (\`sysctl -a | grep proxy_arp\`), and for a container or network namespace that shares its MAC address`;
    return [{ code: 'answers_without_address', message, host: owner.host }];
  });
}

function answeringFor(vip: VipRow, answers: Answers): string[] {
  return [...new Set([...answers.values()].flatMap((it) => macsOf(it, vip.address)))];
}

function macsOf(answer: Answering | null, address: string): readonly string[] {
  const found = Object.entries(answer?.macs ?? {}).find(([own]) => sameAddress(own, address));
  return found?.[1] ?? [];
}

/** Interfaces and keepalived that contradict each other: an address left behind, or taken away by hand. */
function outOfStep(vip: VipRow, status: ClusterStatus): Problem[] {
  return status.hosts.flatMap((host): Problem[] => {
    const state = host.instances[vip.instance]?.state ?? null;
    const holds = vip.holders.includes(host.name);
    if (holds && (host.keepalived === 'inactive' || host.keepalived === 'failed' || isOther(state))) {
      const why = isOther(state) ? `is ${state}` : 'does not run';
      const message = `${host.name} has ${vip.address} though its keepalived ${why}: an address left behind; take it off with \`ip addr del\`, or start keepalived`;
      return [{ code: 'stale_holder', message, host: host.name }];
    }
    if (!holds && state === 'MASTER' && host.reachable) {
      const message = `${vip.instance} is MASTER and ${vip.address} is not on this host: taken away by hand? \`systemctl reload keepalived\` puts it back`;
      return [{ code: 'master_without_address', message, host: host.name }];
    }
    return [];
  });
}

function isOther(state: string | null): boolean {
  return state === 'BACKUP' || state === 'FAULT';
}

/** A host is MASTER beside another only while it hears no adverts of that one. */
function notHeard(instance: string, status: ClusterStatus): Problem[] {
  const masters = status.hosts.filter((host) => host.instances[instance]?.state === 'MASTER');
  if (masters.length < 2) return [];
  const names = masters.map((host) => host.name).join(' and ');
  const message = `${names} are both MASTER of ${instance}: at least one hears no adverts of the other; \`tcpdump -ni any ip proto 112\` on both shows what arrives`;
  return [{ code: 'adverts_not_heard', message, host: null }];
}

/** Where nobody could count who answers, or one at most, that is said. */
function notCounted(status: ClusterStatus, answers: Answers): Problem[] {
  return status.virtual_ips.flatMap(({ address }): Problem[] => {
    const names = (list: readonly string[]) => list.some((own) => sameAddress(own, address));
    const asked = [...answers.values()].filter((it) => it !== null && !names(it.unasked));
    if (answers.size === 0 || asked.some((it) => it !== null && !names(it.single))) return [];
    const why =
      asked.length === 0
        ? `was not checked: no host that could ask (no python3, no perl, and no host that does not hold it)`
        : `was not counted: of those who do one at most is seen (IPv6, or no python3 and no perl)`;
    return [{ code: 'answers_not_counted', message: `who else answers for ${address} ${why}`, host: null }];
  });
}
