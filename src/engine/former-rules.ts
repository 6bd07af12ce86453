import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import type { ClusterPlan } from '../planning/types.js';
import type { FormerMember } from './former-members.js';

/**
 * A host that was taken out of the inventory and still speaks VRRP is one more speaker of the same instances: the rest converge
 * beside it. An error plan where they would stop understanding each other, since both would hold the addresses then.
 */
export function withFormer(
  cluster: Cluster,
  plan: ClusterPlan,
  former: readonly FormerMember[],
  { force }: { readonly force: boolean },
): ClusterPlan {
  const why = plan.status === 'changes' ? notHeardAnyMore(cluster, plan) : null;
  const speaking = former.filter((it) => it.speaks);
  if (why === null || speaking.length === 0) return plan;
  const found = speaking.map(
    ({ name, address }): Diagnostic => ({
      severity: force ? 'warning' : 'error',
      code: 'former-member-speaks',
      summary: `${name} (${address}) is no longer in the inventory and its keepalived still runs; ${why}: it and one of the hosts would both hold the addresses`,
      hint: `first \`systemctl disable --now keepalived haproxy\` on ${name}, then this again: the addresses move to the hosts that stay`,
      cluster: cluster.name,
    }),
  );
  const problems = [...plan.problems, ...found];
  return force ? { ...plan, problems } : { ...plan, status: 'error', batches: [], problems };
}

/** What of the plan makes a host that keeps its old configuration deaf; null: nothing does. */
function notHeardAnyMore(cluster: Cluster, plan: ClusterPlan): string | null {
  const changes = plan.changes.filter(({ change }) => change.resource === 'keepalived_config');
  if (changes.some(({ change }) => change.coordination !== 'independent'))
    return 'this change of keepalived has to reach every host that speaks';
  if (changes.length > 0 && cluster.vrrpInstances.some((it) => it.unicast))
    return 'with `unicast` it would be told nothing any more';
  return null;
}
