import type { Cluster, Host, Inventory } from '../model.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';

/** No two hosts with one address, and no two that SSH would reach at the same place. */
export function checkHosts(inventory: Inventory, places: Places, problems: Problems): void {
  const owners = new Map<string, Host>();
  for (const host of inventory.clusters.flatMap(({ hosts }) => hosts)) {
    if (host.address === '') continue;
    const first = owners.get(host.address);
    if (first === undefined) {
      owners.set(host.address, host);
      continue;
    }
    const same = first.cluster === host.cluster;
    const whose = same
      ? `the host "${first.name}"`
      : `the host "${first.name}" of the cluster "${first.cluster}"`;
    const summary = `${host.address} is already the address of ${whose}`;
    const hint = same ? undefined : 'a host has one haproxy.cfg and so serves one cluster';
    problems.error(places.of(host, 'address'), 'duplicate-address', summary, hint);
  }
  for (const cluster of inventory.clusters) checkSshTargets(cluster, places, problems);
}

/** A hostname in the `ssh` block of all hosts would lead every step to one machine. */
function checkSshTargets(cluster: Cluster, places: Places, problems: Problems): void {
  const seen = new Map<string, Host>();
  for (const host of cluster.hosts) {
    const { hostname, port, proxyJump } = host.ssh;
    const place = places.get(host.ssh, 'hostname');
    const target = JSON.stringify([hostname.toLowerCase(), port ?? 22, proxyJump]);
    const first = seen.get(target);
    seen.set(target, first ?? host);
    if (first === undefined || hostname === '') continue;
    const span = place ?? places.get(first.ssh, 'hostname');
    // Two equal addresses have been told.
    if (span === undefined) continue;
    const summary = `SSH would reach "${first.name}" and "${host.name}" at the same place: ${hostname}`;
    problems.error(span, 'duplicate-ssh-target', summary, 'give each host its own "hostname" or "port"');
  }
}
