import type { ClusterStatus, Problem, StatusDocument } from '../engine/documents.js';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: (cluster: ClusterStatus) => readonly Sample[];
}

const STATES = ['healthy', 'degraded', 'down', 'split_brain', 'unknown'] as const;

/** Metric names are what alerts are written against: add, don't rename. */
const METRICS: readonly Metric[] = [
  {
    name: 'lbctl_cluster_state',
    help: 'The state of a cluster: 1 for the one it is in, 0 for the others.',
    samples: ({ name, state }) =>
      STATES.map((it) => [{ cluster: name, state: it }, state === it ? 1 : 0] as const),
  },
  {
    name: 'lbctl_virtual_ip_holders',
    help: 'How many hosts hold a virtual address: 1 is right.',
    samples: ({ name, virtual_ips }) =>
      virtual_ips.map(
        ({ address, instance, holders }) => [{ cluster: name, address, instance }, holders.length] as const,
      ),
  },
  {
    name: 'lbctl_virtual_ip_held',
    help: 'Whether a host holds a virtual address.',
    samples: ({ name, virtual_ips, hosts }) =>
      virtual_ips.flatMap(({ address, instance, holders }) =>
        hosts
          .filter((host) => host.reachable)
          .map(
            ({ name: host }) =>
              [{ cluster: name, address, instance, host }, holders.includes(host) ? 1 : 0] as const,
          ),
      ),
  },
  {
    name: 'lbctl_host_reachable',
    help: 'Whether a host could be asked.',
    samples: ({ name, hosts }) =>
      hosts.map((host) => [{ cluster: name, host: host.name }, host.reachable ? 1 : 0] as const),
  },
  {
    name: 'lbctl_service_active',
    help: 'Whether systemd calls a service active.',
    samples: ({ name, hosts }) =>
      hosts.flatMap((host) =>
        (['haproxy', 'keepalived'] as const).flatMap((service) => {
          const state = host[service];
          if (state === null) return [];
          return [[{ cluster: name, host: host.name, service }, state === 'active' ? 1 : 0] as const];
        }),
      ),
  },
  {
    name: 'lbctl_vrrp_effective_priority',
    help: 'The priority that keepalived counts with.',
    samples: ({ name, hosts }) =>
      hosts.flatMap((host) =>
        Object.entries(host.instances).flatMap(([instance, { effective_priority: priority }]) =>
          priority === null ? [] : [[{ cluster: name, host: host.name, instance }, priority] as const],
        ),
      ),
  },
  {
    name: 'lbctl_server_up',
    help: "Whether a host's HAProxy sends requests to a server.",
    samples: ({ name, servers }) =>
      servers.flatMap(({ backend, server, status }) =>
        Object.entries(status).map(
          ([host, state]) =>
            [{ cluster: name, host, backend, server }, /^(UP|no check)/.test(state) ? 1 : 0] as const,
        ),
      ),
  },
  {
    name: 'lbctl_problems',
    help: 'Problems by code and host (empty: of the cluster as a whole).',
    samples: ({ name, problems }) => counted(name, problems),
  },
  {
    name: 'lbctl_notices',
    help: 'What is worth knowing and no fault, by code and host (empty: of the cluster as a whole).',
    samples: ({ name, notices }) => counted(name, notices),
  },
];

function counted(cluster: string, found: readonly Problem[]): Sample[] {
  const counts = new Map<string, number>();
  for (const { code, host } of found) {
    const key = JSON.stringify({ cluster, code, host: host ?? '' });
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => [JSON.parse(key) as Labels, count] as const);
}

/** A status in Prometheus's text exposition format, each metric with its samples together. Ends with a line feed. */
export function formatPrometheus(status: StatusDocument): string {
  return METRICS.map(({ name, help, samples }) => {
    const lines = status.clusters
      .flatMap(samples)
      .map(([labels, value]) => `${name}{${list(labels)}} ${value}\n`);
    return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
  }).join('');
}

function list(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
