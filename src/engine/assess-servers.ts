import type { Cluster } from '../inventory/model.js';
import type { HostView } from './assess.js';
import type { ClusterStatus, Problem } from './documents.js';

type ServerRow = ClusterStatus['servers'][number];

/** Every server of the inventory, as each host's HAProxy sees it. */
export function serverRows(cluster: Cluster, views: readonly HostView[]): ServerRow[] {
  return cluster.haproxy.backends.flatMap((backend) =>
    backend.servers.map((server) => {
      const status = views.flatMap((view) => {
        const found = view.haproxy?.servers.find((it) => it.backend === backend.name && it.server === server.name);
        return found === undefined ? [] : [[view.name, found.status] as const];
      });
      return {
        backend: backend.name,
        server: server.name,
        address: server.address,
        status: Object.fromEntries(status),
      };
    }),
  );
}

/** UP, `UP 1/3`, `no check`, DRAIN take or finish requests; DOWN, MAINT, NOLB do not take new ones. */
export function serves(status: string): boolean {
  return status.startsWith('UP') || status === 'no check';
}

/** Servers that are down, asked of the host that holds an address, or of any where nobody does. */
export function serverProblems(
  cluster: Cluster,
  views: readonly HostView[],
  vips: ClusterStatus['virtual_ips'],
): Problem[] {
  const holders = new Set(vips.flatMap((vip) => vip.holders));
  const rows = serverRows(cluster, views);
  const problems: Problem[] = [];
  for (const backend of cluster.haproxy.backends) {
    const own = rows.filter((row) => row.backend === backend.name);
    for (const view of views) {
      const known = own.filter((row) => row.status[view.name] !== undefined);
      if (known.length === 0) continue;
      const down = known.filter((row) => !serves(row.status[view.name] ?? ''));
      if (down.length === 0) continue;
      const names = down.map((row) => `${row.server} (${row.address}) ${row.status[view.name]}`).join(', ');
      if (down.length === known.length && (holders.has(view.name) || holders.size === 0)) {
        const message = `no server of backend ${backend.name} is up: ${names}`;
        problems.push({ code: 'no_server_up', message, host: view.name });
      } else {
        const message = `backend ${backend.name}: ${names}`;
        problems.push({ code: 'server_down', message, host: view.name });
      }
    }
  }
  return problems;
}
