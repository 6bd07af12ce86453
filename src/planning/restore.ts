import type { Host } from '../inventory/model.js';
import type { GateName, Play, Task } from '../playbook/model.js';
import { takeoverScriptPath } from '../render/platform.js';
import { KEPT } from '../resources/kept.js';
import type { KeptQuery } from '../resources/probes/generation.js';
import { restoredBooleans } from '../resources/restore/down-states.js';
import { restoredFile, restoredOwnFiles } from '../resources/restore/files.js';
import {
  restoredFirewall,
  restoredSelinux,
  restoredService,
  restoredSysctl,
  type ServiceStates,
} from '../resources/restore/states.js';
import type { Resource } from '../resources/types.js';
import type { HostResources } from './build-resources.js';

/** What a kept file is called in plans: the resource that wrote it. */
const RESOURCE_OF: Readonly<Record<string, string>> = {
  'haproxy.cfg': 'haproxy_config',
  'keepalived.conf': 'keepalived_config',
  'members.json': 'members',
};

export function resourceOf(path: string, service: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === 'lbctl.conf') return `systemd_dropin:${service}`;
  if ([takeoverScriptPath('el'), takeoverScriptPath('debian')].includes(path)) return 'takeover_script';
  return (
    RESOURCE_OF[name] ??
    (path.startsWith('/etc/keepalived/') || path.includes('/libexec/') ? 'check_script' : `file:${path}`)
  );
}

export interface Restoring extends ServiceStates {
  /** What the hosts are put back to. */
  readonly query: KeptQuery;
  /** False where the kept configuration is not lbctl's own: what lbctl asks of its own is not there. */
  readonly gated: boolean;
}

export interface RestorePlays {
  readonly playbook: readonly Play[];
  readonly resources: readonly HostResources[];
}

/** The plays of `up` with what was kept instead of what the inventory says: same order, same gates. */
export function restorePlays(hosts: readonly Host[], { query, goal, gated }: Restoring): RestorePlays {
  const files = (service: 'haproxy' | 'keepalived') =>
    KEPT[service].map((path) => restoredFile(query, resourceOf(path, service), path));
  const records = KEPT.system
    .filter((path) => path.endsWith('members.json'))
    .map((path) => restoredFile(query, resourceOf(path, ''), path));
  const plays: {
    name: string;
    order: Play['order'];
    gates: readonly GateName[];
    resources: readonly Resource[];
  }[] = [
    {
      name: 'prepare',
      order: 'parallel',
      gates: [],
      resources: [
        ...records,
        restoredFirewall(query),
        restoredSelinux(query),
        restoredBooleans(query),
        restoredSysctl(query),
        restoredOwnFiles(query),
      ],
    },
    {
      name: 'haproxy',
      order: 'standby-first',
      gates: gated ? ['haproxy-serving'] : [],
      resources: [...files('haproxy'), restoredService(query, 'haproxy', { goal })],
    },
    {
      name: 'keepalived',
      order: 'standby-first',
      gates: gated ? ['keepalived-settled', 'one-holder-per-vip'] : ['one-holder-per-vip'],
      resources: [...files('keepalived'), restoredService(query, 'keepalived', { goal })],
    },
  ];
  const playbook = plays.map(({ name, order, gates, resources }) => ({
    name,
    order,
    gates,
    tasks: resources.map(({ id }) => taskOf(id)),
  }));
  return {
    playbook,
    resources: hosts.map((host) => ({
      host,
      plays: plays.map(({ resources }) =>
        resources.map((resource) => ({ task: taskOf(resource.id), resource })),
      ),
    })),
  };
}

export function taskOf(id: string): Task {
  return {
    name: id,
    type: id.replace(/:.*/, ''),
    args: id.includes(':') ? { name: id.slice(id.indexOf(':') + 1) } : {},
    notify: [],
    source: { file: '', line: 1, column: 1 },
  };
}
