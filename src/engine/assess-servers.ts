import type { Cluster } from '../inventory/model.js';
import type { HostView } from './assess.js';
import type { ClusterStatus, Problem } from './documents.js';

type ServerRow = ClusterStatus['servers'][number];

/** Every server of the inventory, as each host's HAProxy sees it. */
export function serverRows(cluster: Cluster, views: readonly HostView[]): ServerRow[] {
  if (cluster.haproxy.configFile !== null) return runningRows(views);
  return cluster.haproxy.backends.flatMap((backend) =>
    backend.servers.map((server) => {
      const status = views.flatMap((view) => {
        const found = view.haproxy?.servers.find(
          (it) => it.backend === backend.name && it.server === server.name,
        );
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

/** With a configuration of the user's own the running processes say which servers there are. */
function runningRows(views: readonly HostView[]): ServerRow[] {
  const rows = new Map<
    string,
    { backend: string; server: string; address: string; status: Record<string, string> }
  >();
  for (const view of views) {
    for (const { backend, server, address, status } of view.haproxy?.servers ?? []) {
      const key = `${backend}/${server}`;
      const row = rows.get(key) ?? { backend, server, address, status: {} };
      row.status[view.name] = status;
      rows.set(key, row);
    }
  }
  return [...rows.values()];
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
  for (const backend of new Set(rows.map((row) => row.backend))) {
    const own = rows.filter((row) => row.backend === backend);
    for (const view of views) {
      const known = own.filter((row) => row.status[view.name] !== undefined);
      if (known.length === 0) continue;
      const down = known.filter((row) => !serves(row.status[view.name] ?? ''));
      if (down.length === 0) continue;
      const names = down.map((row) => `${row.server} (${row.address}) ${row.status[view.name]}`).join(', ');
      if (down.length === known.length && (holders.has(view.name) || holders.size === 0)) {
        const message = `no server of backend ${backend} is up: ${names}`;
        problems.push({ code: 'no_server_up', message, host: view.name });
      } else {
        const message = `backend ${backend}: ${names}`;
        problems.push({ code: 'server_down', message, host: view.name });
      }
    }
  }
  return problems;
}
