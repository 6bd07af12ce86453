import { inNetwork, networkEnds } from '../addresses.js';
import type { Cluster, Host, Inventory, VirtualAddress, VrrpInstance } from '../model.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';

/** Virtual addresses: each once, nobody's own, and where the hosts can serve them. */
export function checkVirtualAddresses(inventory: Inventory, places: Places, problems: Problems): void {
  const hosts = new Map<string, Host>();
  for (const host of inventory.clusters.flatMap((cluster) => cluster.hosts)) {
    if (host.address !== '' && !hosts.has(host.address)) hosts.set(host.address, host);
  }
  const taken = new Map<string, { readonly cluster: Cluster; readonly instance: VrrpInstance }>();
  for (const cluster of inventory.clusters) {
    for (const instance of cluster.vrrpInstances) {
      checkFamilies(instance, problems);
      for (const vip of instance.virtualIpaddress) {
        const first = taken.get(vip.address);
        const host = hosts.get(vip.address);
        if (first !== undefined) {
          const where = first.cluster === cluster ? '' : ` of the cluster "${first.cluster.name}"`;
          const summary = `${vip.address} is already a virtual address of "${first.instance.name}"${where}`;
          problems.error(vip.source, 'duplicate-vip', summary);
        } else if (host !== undefined) {
          const summary = `${vip.address} is the address of the host "${host.name}"; a virtual address belongs to no host`;
          problems.error(vip.source, 'vip-is-host', summary);
        } else {
          checkPlace(cluster, instance, vip, places, problems);
        }
        taken.set(vip.address, first ?? { cluster, instance });
      }
    }
  }
}

function checkFamilies({ virtualIpaddress }: VrrpInstance, problems: Problems): void {
  const [first] = virtualIpaddress;
  const other = virtualIpaddress.find(({ family }) => family !== first?.family);
  if (other === undefined) return;
  const summary = 'one VRRP instance cannot hold both IPv4 and IPv6 addresses';
  problems.error(other.source, 'mixed-families', summary, 'give each family an instance of its own');
}

function checkPlace(
  cluster: Cluster,
  instance: VrrpInstance,
  vip: VirtualAddress,
  places: Places,
  problems: Problems,
): void {
  const { address, prefix, family } = vip;
  const cidr = `${address}/${prefix}`;
  if (family === 4 && prefix < 31) {
    const { network, broadcast } = networkEnds(address, prefix);
    if (address === network || address === broadcast) {
      const what = address === network ? 'network' : 'broadcast';
      problems.error(vip.source, 'bad-address', `${address} is the ${what} address of ${network}/${prefix}`);
      return;
    }
  }
  if (instance.interface !== null || prefix === (family === 4 ? 32 : 128)) return;
  for (const host of cluster.hosts) {
    if (host.address === '' || host.interface !== null || host.address.includes(':') !== (family === 6))
      continue;
    if (!inNetwork(host.address, address, prefix)) {
      const summary = `${cidr} is off the subnet of the host "${host.name}" (${host.address})`;
      const hint = 'correct the address or its prefix, or name the "interface" that shall hold it';
      problems.error(vip.source, 'off-subnet', summary, hint);
      // One wrong virtual address is off the subnet of every host.
      return;
    }
    if (family === 6 || prefix >= 31) continue;
    const { network, broadcast } = networkEnds(address, prefix);
    if (host.address !== network && host.address !== broadcast) continue;
    const what = host.address === network ? 'network' : 'broadcast';
    const summary = `${host.address} is the ${what} address of ${network}/${prefix}, the network of ${cidr}`;
    problems.error(places.of(host, 'address'), 'bad-address', summary);
  }
}
