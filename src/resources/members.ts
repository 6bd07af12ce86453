import { Text } from '../base/text.js';
import type { Host } from '../inventory/model.js';
import { STATE_DIR } from '../render/platform.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import type { Facts, Resource, ResourceContext } from './types.js';

const MEMBERS = `${STATE_DIR}/members.json`;
export const membersProbe = fileProbe(MEMBERS);

/** A host as the cluster remembers it: how it was reached when it was last part of an inventory. */
export interface Member {
  readonly name: string;
  readonly address: string;
  readonly hostname: string;
  readonly port: number | null;
  readonly user: string | null;
}

function memberOf({ name, address, ssh }: Host): Member {
  return { name, address, hostname: ssh.hostname, port: ssh.port, user: ssh.user };
}

/** The hosts of the cluster, kept on each of them: one that leaves the inventory is not forgotten silently. */
export function membersResource({ cluster, forgotten }: ResourceContext): Resource {
  return {
    id: 'members',
    probes: [membersProbe],
    plan(facts) {
      // What was taken out stays in it until it was seen stopped.
      const former = formerMembers(cluster.hosts, facts).filter((it) => forgotten?.has(it.address) !== true);
      const members = [...cluster.hosts.map(memberOf), ...former];
      const known = knownMembers(facts);
      // How they are reached is the operator's own way (another user, a bastion): alone no reason for a change.
      return planFile(
        {
          resource: 'members',
          title: 'members of the cluster',
          path: MEMBERS,
          content: new Text([`${JSON.stringify(sameHosts(known, members) ? known : members, null, 2)}\n`]),
          mode: '0600',
          owner: 'root',
          group: 'root',
        },
        facts,
      );
    },
  };
}

function sameHosts(one: readonly Member[], other: readonly Member[]): boolean {
  const text = (members: readonly Member[]) =>
    JSON.stringify(members.map(({ name, address }) => [name, address]));
  return text(one) === text(other);
}

/** Members that a host remembers and that the inventory no longer has. */
export function formerMembers(hosts: readonly Host[], facts: Facts): Member[] {
  const now = new Set(hosts.map((host) => host.address));
  return knownMembers(facts).filter((it) => !now.has(it.address));
}

function knownMembers(facts: Facts): Member[] {
  const found = facts.need(membersProbe);
  return found.kind === 'file' ? parseMembers(found.content) : [];
}

function parseMembers(content: string | null): Member[] {
  try {
    const list: unknown = JSON.parse(content ?? '[]');
    return Array.isArray(list) ? list.filter(isMember) : [];
  } catch {
    return [];
  }
}

function isMember(value: unknown): value is Member {
  if (typeof value !== 'object' || value === null) return false;
  const { name, address, hostname } = value as Record<string, unknown>;
  return typeof name === 'string' && typeof address === 'string' && typeof hostname === 'string';
}
