import { inNetwork } from '../addresses.js';
import type { Cluster, Inventory, VrrpInstance } from '../model.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';

interface Speaker {
  readonly cluster: Cluster;
  readonly instance: VrrpInstance;
  readonly index: number;
  readonly networks: readonly Network[];
}

/** Two instances that hear each other need router ids that are written down, and different. */
export function checkRouterIds(inventory: Inventory, places: Places, problems: Problems): void {
  const speakers = inventory.clusters
    .flatMap((cluster) => cluster.vrrpInstances.map((instance) => ({ cluster, instance })))
    .map((pair, index): Speaker => ({ ...pair, index, networks: networksOf(pair.cluster, pair.instance) }));
  for (const speaker of speakers) {
    const { instance, index } = speaker;
    const others = speakers.filter((other) => other !== speaker && shareSubnet(speaker, other));
    const [neighbour] = others;
    if (neighbour === undefined) continue;
    if (!places.has(instance, 'virtualRouterId')) {
      const summary = `"${instance.name}" needs a "virtual_router_id": ${nameOf(neighbour, speaker)} is on the same subnet`;
      problems.error(instance.source, 'missing-key', summary, 'from 1 to 255, another for each');
      continue;
    }
    const twin = others.find(
      (other) =>
        other.index < index &&
        instance.virtualRouterId !== 0 &&
        places.has(other.instance, 'virtualRouterId') &&
        other.instance.virtualRouterId === instance.virtualRouterId,
    );
    if (twin === undefined) continue;
    const summary = `the virtual_router_id ${instance.virtualRouterId} is already that of ${nameOf(twin, speaker)} on the same subnet`;
    problems.error(places.of(instance, 'virtualRouterId'), 'duplicate-router-id', summary);
  }
}

function nameOf(other: Speaker, from: Speaker): string {
  const where = other.cluster === from.cluster ? '' : ` of the cluster "${other.cluster.name}"`;
  return `"${other.instance.name}"${where}`;
}

/** In one cluster the interfaces decide where they are known; else the networks of the virtual addresses. */
function shareSubnet(one: Speaker, other: Speaker): boolean {
  if (one.cluster === other.cluster) {
    const pairs = one.cluster.hosts.map((host) => [
      one.instance.interface ?? host.interface,
      other.instance.interface ?? host.interface,
    ]);
    if (pairs.length > 0 && pairs.every(([a, b]) => a !== null && b !== null)) {
      return pairs.some(([a, b]) => a === b);
    }
  }
  return one.networks.some((a) =>
    other.networks.some((b) => inNetwork(a.address, b.address, Math.min(a.prefix, b.prefix))),
  );
}

interface Network {
  readonly address: string;
  readonly prefix: number;
}

/** A /32 says nothing about the wire: the /24 around each host stands in for it, which errs on the safe side. */
function networksOf(cluster: Cluster, instance: VrrpInstance): Network[] {
  const real = instance.virtualIpaddress.filter(({ family, prefix }) => prefix < (family === 4 ? 32 : 128));
  if (real.length > 0 || instance.virtualIpaddress.length === 0) return real;
  return cluster.hosts
    .filter(({ address }) => address !== '')
    .map(({ address }) => ({ address, prefix: address.includes(':') ? 64 : 24 }));
}
