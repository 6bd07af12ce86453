import { reachableFacts } from '../../../src/engine/prepare.js';
import { buildResources } from '../../../src/planning/build-resources.js';
import { activeHosts } from '../../../src/planning/fitness.js';
import { type PlanInput, planCluster } from '../../../src/planning/plan.js';
import type { ClusterPlan } from '../../../src/planning/types.js';
import { upPlaybook } from './converge.js';
import { observations } from './observed.js';
import type { SimulatedPair } from './simulated-pair.js';

export function planInput(
  pair: SimulatedPair,
  limit?: readonly string[],
  playbook = upPlaybook(),
): PlanInput {
  const facts = reachableFacts(observations(pair));
  return {
    cluster: pair.cluster,
    playbook,
    resources: buildResources(playbook, pair.cluster, new Map()),
    facts,
    holders: activeHosts(pair.cluster, facts),
    limit: new Set(limit ?? facts.keys()),
  };
}

export function planOf(pair: SimulatedPair, limit?: readonly string[]): ClusterPlan {
  return planCluster(planInput(pair, limit));
}

/** `lb2: haproxy_config, reload haproxy` for each host of each batch, hosts at the same time with `|`. */
export function outline(plan: ClusterPlan): string[] {
  return plan.batches.map(({ work }) =>
    work.map(({ host, items }) => `${host}: ${items.map((it) => it.resource).join(', ')}`).join(' | '),
  );
}
