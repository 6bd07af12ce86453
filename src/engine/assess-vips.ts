import type { Cluster, VrrpInstance } from '../inventory/model.js';
import { priorityOf } from '../render/keepalived.js';
import { type HostView, viewHolds, vrrpOf } from './assess.js';
import type { ClusterState, ClusterStatus, Problem } from './documents.js';

type VipRow = ClusterStatus['virtual_ips'][number];

/** Fit to hold: reached, both services up, not in FAULT. */
function isFit(view: HostView, instance: VrrpInstance): boolean {
  const state = vrrpOf(view, instance.name)?.state;
  return view.reachable && view.haproxy?.serving === true && (state === 'MASTER' || state === 'BACKUP');
}

/** The priority by which a host stands for an instance, with what a switchover takes off it. */
function standing(instance: VrrpInstance, view: HostView): number {
  const moved = view.keepalived?.running === true ? view.keepalived.switchover : 0;
  return Math.max(1, priorityOf(instance, view.name) + moved);
}

/**
 * With preempt the fit host of best priority; without, or while it may wait for its delay, whoever holds it alone;
 * null where that cannot be said.
 */
function expectedHolder(
  instance: VrrpInstance,
  views: readonly HostView[],
  holders: readonly string[],
): string | null {
  if (!instance.preempt || (instance.preemptDelay > 0 && holders.length === 1))
    return holders.length === 1 ? (holders[0] ?? null) : null;
  const best = views
    .filter((view) => isFit(view, instance))
    .sort((a, b) => standing(instance, b) - standing(instance, a));
  return best[0]?.name ?? null;
}

/** Who holds each virtual address: every host is asked, by its interfaces. */
export function vipRows(cluster: Cluster, views: readonly HostView[]): VipRow[] {
  return cluster.vrrpInstances.flatMap((instance) =>
    instance.virtualIpaddress.map(({ address }) => {
      const holders = views.filter((view) => viewHolds(view, address)).map((view) => view.name);
      return {
        address,
        instance: instance.name,
        holders,
        expected: expectedHolder(instance, views, holders),
      };
    }),
  );
}

export function vipProblems(
  cluster: Cluster,
  views: readonly HostView[],
  rows: readonly VipRow[],
): Problem[] {
  const problems: Problem[] = [];
  for (const { address, holders, expected } of rows) {
    if (holders.length > 1) {
      const message = `${holders.join(' and ')} both hold ${address}: do they hear each other's VRRP (IP protocol 112)? Look for a packet filter between them`;
      problems.push({ code: 'split_brain', message, host: null });
    } else if (holders.length === 0) {
      const blind = views.filter((view) => view.network === null).map((view) => view.name);
      const message =
        blind.length > 0
          ? `no host that could be asked holds ${address}; not known: ${blind.join(', ')}`
          : `no host holds ${address}: it is not served`;
      problems.push({ code: 'no_holder', message, host: null });
    } else if (expected !== null && !holders.includes(expected)) {
      const message = `${holders[0]} holds ${address}, though ${expected} is fit and has the better priority`;
      problems.push({ code: 'wrong_holder', message, host: holders[0] ?? null });
    }
  }
  for (const view of views) {
    for (const instance of cluster.vrrpInstances) {
      const found = vrrpOf(view, instance.name);
      if (view.keepalived?.running === true && found === undefined) {
        const message = `keepalived runs without instance ${instance.name}: run \`lbctl up\``;
        problems.push({ code: 'instance_missing', message, host: view.name });
      }
      if (found === undefined) continue;
      const wanted = priorityOf(instance, view.name);
      if (found.state !== 'MASTER' && found.state !== 'BACKUP') {
        const message = `${instance.name} is in state ${found.state}: this host cannot take over`;
        problems.push({ code: 'vrrp_fault', message, host: view.name });
      }
      if (found.priority !== wanted) {
        const message = `${instance.name} runs with priority ${found.priority}, the inventory says ${wanted}`;
        problems.push({ code: 'priority_differs', message, host: view.name });
      } else if (found.effectivePriority !== found.duePriority) {
        const message = `${instance.name}'s effective priority is ${found.effectivePriority}, not ${found.duePriority}: a check lowers it`;
        problems.push({ code: 'priority_lowered', message, host: view.name });
      }
    }
  }
  return problems;
}

/** A host that was told to look worse than it is: nothing is wrong, and somebody should remember it. */
export function switchoverNotices(views: readonly HostView[]): Problem[] {
  return views.flatMap((view) =>
    view.keepalived?.running === true && view.keepalived.switchover !== 0
      ? [
          {
            code: 'switchover',
            message: `a switchover is in effect: ${view.name} gives way until \`lbctl switchover --back\`, or until it reboots`,
            host: view.name,
          },
        ]
      : [],
  );
}

/** The worst that holds. `degraded`: served, but one failure away from an outage. */
export function clusterState(
  views: readonly HostView[],
  rows: readonly VipRow[],
  problems: readonly Problem[],
): ClusterState {
  if (rows.some((row) => row.holders.length > 1)) return 'split_brain';
  const missing = rows.filter((row) => row.holders.length === 0);
  if (missing.length > 0) return views.some((view) => view.network === null) ? 'unknown' : 'down';
  const holders = new Set(rows.flatMap((row) => row.holders));
  const active = views.filter((view) => holders.has(view.name));
  if (active.some((view) => view.haproxy !== null && !view.haproxy.serving)) return 'down';
  if (problems.some((problem) => problem.code === 'no_server_up' || problem.code === 'no_answer'))
    return 'down';
  if (active.some((view) => view.haproxy === null)) return 'unknown';
  return problems.length === 0 ? 'healthy' : 'degraded';
}
