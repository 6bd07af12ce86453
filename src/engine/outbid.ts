import type { Cluster } from '../inventory/model.js';
import { preferredHost, priorityOf } from '../render/keepalived.js';
import type { FormerMember } from './former-members.js';
import { type Moving, run } from './move.js';
import { letsGo, outbidScript } from './move-scripts.js';
import type { Recap } from './recap.js';

/** A sum above this is that of an address owner: keepalived cuts it. */
const BEST = 254;

/**
 * The host that is to outbid hosts which were taken out of the inventory and still hold the addresses; null where nobody holds
 * them there, and where it would not last: without preemption, or where one of those has the better priority for good.
 */
export function bidder(cluster: Cluster, former: readonly FormerMember[]): string | null {
  const rivals = former.filter((it) => it.holds.size > 0);
  const homes = new Set(cluster.vrrpInstances.map(preferredHost));
  const [home] = homes;
  if (rivals.length === 0 || home === undefined || homes.size > 1 || letsGo(cluster)) return null;
  const lasts = cluster.vrrpInstances.every((instance) => {
    const best = Math.max(0, ...rivals.map((it) => it.priorities.get(instance.virtualRouterId) ?? 0));
    const own = priorityOf(instance, home);
    return own >= best && own < BEST;
  });
  return lasts ? home : null;
}

/**
 * Of two hosts with the same priority the one that holds the addresses keeps them. So for a moment the preferred host bids one more
 * than a host that has left the inventory: by VRRP's own rules, and nothing is changed there.
 */
export async function outbidFormer(
  former: readonly FormerMember[],
  moving: Moving,
  recap: Recap,
): Promise<void> {
  const host = bidder(moving.cluster, former);
  if (host === null || !moving.connected.sessions.has(host) || moving.signal.aborted) return;
  const failed = await run(host, outbidScript(moving.cluster, moving.token), moving);
  if (failed !== null) recap.diagnose({ ...failed, severity: 'warning' });
}
