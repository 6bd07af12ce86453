import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster, Host } from '../inventory/model.js';
import { formerMembers, type Member } from '../resources/members.js';
import { networkProbe } from '../resources/probes/network.js';
import { serviceProbe } from '../resources/probes/service.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import { type Transport, TransportError } from '../transport/types.js';
import { observe } from './observe.js';
import { heldBy } from './prepare.js';

/** What still runs on hosts that were taken out of the inventory. Looks only; says so where it cannot. */
export async function askFormerMembers(
  cluster: Cluster,
  facts: ReadonlyMap<string, Facts>,
  transport: Transport,
): Promise<Diagnostic[]> {
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

async function ask(cluster: Cluster, member: Member, transport: Transport): Promise<Diagnostic> {
  const about = { severity: 'warning', code: 'former-member', cluster: cluster.name } as const;
  const gone = `${member.name} (${member.address}) is no longer in the inventory`;
  const hint = `stop and disable keepalived and haproxy on ${member.name}: it may still take the virtual addresses`;
  const [first] = cluster.hosts;
  if (first === undefined) return { ...about, summary: gone, hint };
  const ssh = {
    ...first.ssh,
    hostname: member.hostname,
    port: member.port,
    user: member.user ?? first.ssh.user,
  };
  const host: Host = { ...first, name: member.name, address: member.address, ssh };
  try {
    const session = await transport.connect(host);
    try {
      const facts = await observe(session, [
        networkProbe,
        serviceProbe('haproxy'),
        serviceProbe('keepalived'),
      ]);
      const services = (['haproxy', 'keepalived'] as const).map(
        (it) => `${it} is ${facts.need(serviceProbe(it)).active}`,
      );
      const held = [...heldBy(cluster, facts)];
      const holds = held.length > 0 ? `, and it holds ${held.join(', ')}` : '';
      return { ...about, summary: `${gone}: there ${services.join(', ')}${holds}`, hint };
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof TransportError) && !(error instanceof UnknownFact)) throw error;
    return { ...about, summary: `${gone}, and what runs there could not be learnt: ${error.message}`, hint };
  }
}
