import { sameAddress } from '../base/addresses.js';
import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster, Host } from '../inventory/model.js';
import { formerMembers, type Member } from '../resources/members.js';
import { keepalivedProbe } from '../resources/probes/keepalived.js';
import { networkProbe } from '../resources/probes/network.js';
import { type ServiceFacts, serviceProbe } from '../resources/probes/service.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import { type Transport, TransportError } from '../transport/types.js';
import { observe } from './observe.js';
import { heldBy } from './prepare.js';

const SERVICES = ['haproxy', 'keepalived'] as const;
const RUNS = ['active', 'reloading', 'activating', 'deactivating'];

/** A host that was taken out of the inventory, as it is now. */
export interface FormerMember {
  readonly name: string;
  readonly address: string;
  /** Nothing is left there that would run, or nobody answers: said once, and not remembered any longer. */
  readonly gone: boolean;
  /** It speaks VRRP, as one of the cluster's hosts did. */
  readonly speaks: boolean;
  /** All its own addresses: adverts may come from any of them. */
  readonly addresses: readonly string[];
  /** The cluster's virtual addresses that it holds. */
  readonly holds: ReadonlySet<string>;
  /** The best priority by `virtual_router_id` with which it speaks. */
  readonly priorities: ReadonlyMap<number, number>;
  /** What the operator is to know; null: nothing runs there. */
  readonly said: Diagnostic | null;
}

/** What still runs on hosts that were taken out of the inventory. Looks only; says so where it cannot. */
export async function askFormerMembers(
  cluster: Cluster,
  facts: ReadonlyMap<string, Facts>,
  transport: Transport,
): Promise<FormerMember[]> {
  const former = new Map<string, Member>();
  for (const own of facts.values()) {
    try {
      for (const member of formerMembers(cluster.hosts, own)) former.set(member.address, member);
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
    }
  }
  return Promise.all([...former.values()].map((member) => ask(cluster, member, transport)));
}

async function ask(cluster: Cluster, member: Member, transport: Transport): Promise<FormerMember> {
  try {
    const session = await transport.connect(hostOf(cluster, member));
    try {
      const probes = [networkProbe, keepalivedProbe, ...SERVICES.map(serviceProbe)];
      return judge(cluster, member, await observe(session, probes));
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof TransportError) && !(error instanceof UnknownFact)) throw error;
    const summary = `${label(member)} is no longer in the inventory, and what runs there could not be learnt: ${error.message}`;
    const { name, address } = member;
    const unknown = { gone: error instanceof TransportError, speaks: false, holds: new Set<string>() };
    const said = warning(cluster, member, summary);
    return { name, address, addresses: [address], priorities: new Map(), ...unknown, said };
  }
}

/** Reached as it was when it was part of the inventory, with what the first host's ssh options say of the rest. */
function hostOf(cluster: Cluster, member: Member): Host {
  const [first] = cluster.hosts;
  if (first === undefined) throw new Error(`cluster ${cluster.name} has no hosts`);
  const { name, address, hostname, port } = member;
  return {
    ...first,
    name,
    address,
    ssh: { ...first.ssh, hostname, port, user: member.user ?? first.ssh.user },
  };
}

function judge(cluster: Cluster, member: Member, facts: Facts): FormerMember {
  const { name, address } = member;
  const own = facts.need(networkProbe).flatMap((it) => it.addresses.map((found) => found.address));
  const nothing = {
    name,
    address,
    addresses: own,
    priorities: new Map(),
    holds: new Set<string>(),
    speaks: false,
  };
  // It has another address now, or another name: one of the cluster's hosts itself.
  if (cluster.hosts.some((host) => own.some((it) => sameAddress(it, host.address))))
    return { ...nothing, gone: true, said: null };
  const services = SERVICES.map((service) => ({ name: service, ...facts.need(serviceProbe(service)) }));
  const holds = heldBy(cluster, facts);
  const keepalived = facts.need(keepalivedProbe);
  const priorities = new Map<number, number>();
  for (const it of keepalived.running ? keepalived.instances : [])
    priorities.set(it.virtualRouterId, Math.max(it.priority, it.effectivePriority));
  const gone = holds.size === 0 && services.every(isGone);
  const states = services.map((it) => `${it.name} is ${stateOf(it)}`).join(', ');
  const held = holds.size > 0 ? `, and it holds ${[...holds].join(', ')}` : '';
  const summary = `${label(member)} is no longer in the inventory: there ${states}${held}`;
  return {
    ...nothing,
    gone,
    speaks: services.some((it) => it.name === 'keepalived' && RUNS.includes(it.active)),
    holds,
    priorities,
    said: gone ? null : warning(cluster, member, summary),
  };
}

/** Neither runs nor would come back with the next boot. */
function isGone({ exists, active, enabled, masked }: ServiceFacts): boolean {
  return !RUNS.includes(active) && (!exists || masked || !enabled.startsWith('enabled'));
}

function stateOf(service: ServiceFacts): string {
  if (RUNS.includes(service.active) || isGone(service)) return service.active;
  return `${service.active}, but starts with the next boot`;
}

function warning(cluster: Cluster, member: Member, summary: string): Diagnostic {
  return {
    severity: 'warning',
    code: 'former-member',
    summary,
    hint: `\`systemctl disable --now keepalived haproxy\` on ${member.name}: until then it may take the virtual addresses, with the configuration that it has`,
    cluster: cluster.name,
  };
}

function label({ name, address }: Member): string {
  return `${name} (${address})`;
}
