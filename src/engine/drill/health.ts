import type { Cluster } from '../../inventory/model.js';
import type { Playbook } from '../../playbook/model.js';
import { throughVipProbe, verifyTargets } from '../../resources/probes/through-vip.js';
import type { ClusterState } from '../documents.js';
import { type Inspection, inspection, unique } from '../inspect.js';
import { judgeVerification } from '../verify.js';

/** Of two judgements the one that counts: the first of these that either names. */
const GRAVE: readonly ClusterState[] = ['split_brain', 'down', 'unknown', 'degraded'];

/**
 * Whether a pair may be broken on purpose: everything that `lbctl status` looks at, since a fault shows no mercy to what is
 * wrong already (a service whose file on disk is invalid does not start again), and what a client meets behind every
 * virtual address. To be asked under the lock: that one is ours, and no problem then.
 */
export function healthCheck(cluster: Cluster, playbook: Playbook): Inspection {
  const status = inspection(cluster, playbook);
  return {
    probes: (host) => [...status.probes(host), throughVipProbe(verifyTargets(cluster))],
    judge(observations) {
      const inspected = status.judge(observations);
      const verified = judgeVerification(cluster, observations).status;
      return {
        ...inspected,
        state: GRAVE.find((it) => it === inspected.state || it === verified.state) ?? 'healthy',
        problems: unique([...inspected.problems, ...verified.problems]),
      };
    },
  };
}
