import type { Cluster, Host } from '../../inventory/model.js';

/**
 * The host that `drill: { from: … }` names, as ssh would take it. It is not one of the pair: user, port and jump hosts
 * are its own or the ssh configuration's. Keys and known_hosts that the inventory names for the pair are used there, too.
 */
export function fromHost(cluster: Cluster, destination: string): Host {
  const [, user, hostname = destination, port] =
    /^(?:([^@]*)@)?(\[[^\]]*\]|[^:@]*)(?::(\d+))?$/.exec(destination) ?? [];
  const [pair] = cluster.hosts;
  if (pair === undefined) throw new Error(`cluster ${cluster.name} has no hosts`);
  const bare = hostname.replace(/^\[|\]$/g, '');
  return {
    ...pair,
    name: destination,
    address: bare,
    interface: null,
    ssh: {
      ...pair.ssh,
      user: user ?? null,
      hostname: bare,
      port: port === undefined ? null : Number(port),
      proxyJump: null,
      // A client needs no privileges.
      become: { method: 'none', password: null },
    },
  };
}
