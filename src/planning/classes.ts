import type { Cluster } from '../inventory/model.js';
import { type Change, HANDLERS, type HandlerName } from '../resources/types.js';

/**
 * What a change means to a pair that serves. `none`: nothing that runs reads it anew. `start`: a service that does not
 * run is started. `reload`, `restart`: of HAProxy or keepalived; before a restart the addresses move away. `together`:
 * hosts must agree on it, so that one serves alone meanwhile. The last three: which virtual addresses there are.
 */
export type ChangeClass =
  | 'none'
  | 'start'
  | 'reload'
  | 'restart'
  | 'together'
  | 'vip_added'
  | 'vip_removed'
  | 'vip_replaced';

export interface Classed {
  readonly class: ChangeClass;
  /** What clients may notice of it, as a half sentence. */
  readonly interruption: string;
}

export interface ClassInput {
  readonly cluster: Cluster;
  readonly host: string;
  readonly change: Change;
  /** With those of the task. */
  readonly notify: readonly HandlerName[];
  /** Hosts that serve now. */
  readonly active: ReadonlySet<string>;
}

/** Measured with a new connection every 10 ms; see docs/plan.md. */
export const INTERRUPTION = {
  idle: 'none: nothing is served yet',
  none: 'no failed requests',
  move: 'at most 2 failed requests while the addresses move',
  own: 'what your own task does to the service',
  together: 'no failed requests',
  anew: 'at most 10 failed requests: for up to 0.1 s nobody holds the addresses',
  added: 'no failed requests to the addresses that are there',
  removed: 'no failed requests to the addresses that stay',
} as const;

const ADDRESSES = { added: 'vip_added', removed: 'vip_removed', replaced: 'vip_replaced' } as const;

/** The class of one change on one host. Pure. */
export function classify(input: ClassInput): Classed {
  const kind = classOf(input);
  return { class: kind, interruption: interruptionOf(kind, input) };
}

function classOf({ change, notify }: ClassInput): ChangeClass {
  if (change.addresses !== null) return ADDRESSES[change.addresses];
  if (change.coordination !== 'independent') return 'together';
  if (change.restarts || notify.some((it) => it === 'restart haproxy' || it === 'restart keepalived'))
    return 'restart';
  if (change.starts.length > 0) return 'start';
  return notify.some((it) => HANDLERS.some((own) => own === it)) ? 'reload' : 'none';
}

function interruptionOf(kind: ChangeClass, input: ClassInput): string {
  const { cluster, host, change, notify, active } = input;
  if (active.size === 0) return INTERRUPTION.idle;
  if (change.coordination === 'anew') return INTERRUPTION.anew;
  switch (kind) {
    case 'vip_added':
      return INTERRUPTION.added;
    case 'vip_removed':
    case 'vip_replaced':
      return INTERRUPTION.removed;
    case 'together':
      return INTERRUPTION.together;
    case 'restart':
      if (!active.has(host)) return INTERRUPTION.none;
      return change.restarts ? INTERRUPTION.move : INTERRUPTION.own;
    case 'none':
      return INTERRUPTION.none;
    case 'start':
    case 'reload': {
      const vrrp = change.starts.length > 0 || notify.includes('reload keepalived');
      return vrrp && attracts(cluster, host, active) ? INTERRUPTION.move : INTERRUPTION.none;
    }
  }
}

/** Whether addresses move to this host once its keepalived runs by the new file: it is preferred and does not serve. */
function attracts(cluster: Cluster, host: string, active: ReadonlySet<string>): boolean {
  if (active.has(host)) return false;
  return cluster.vrrpInstances.some(({ preempt, priority }) => {
    const best = Object.entries(priority).sort((a, b) => b[1] - a[1])[0]?.[0];
    return preempt && best === host;
  });
}
