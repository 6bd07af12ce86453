import type { Cluster } from '../../inventory/model.js';
import type { Playbook } from '../../playbook/model.js';
import { throughVipProbe, verifyTargets } from '../../resources/probes/through-vip.js';
import type { Observations } from '../assess.js';
import type { ClusterState, ClusterStatus } from '../documents.js';
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

/** What counts only because it was not long ago: under load a check is skipped; an advert is refused while a pair is changed. */
const PASSES = ['log_packet', 'log_script'];
/** Milliseconds to wait for that, and between two looks. */
const PATIENCE = 15_000;
const PAUSE = 1000;

interface Looking extends Pick<Inspection, 'judge'> {
  readonly first: Observations;
  look(): Promise<Observations>;
  readonly signal: AbortSignal;
}

interface Health {
  readonly status: ClusterStatus;
  /** What it was judged by. */
  readonly observations: Observations;
}

/** Judges what was seen first; looks again for a while where everything that is wrong passes by itself. */
export async function untilPassed({ judge, first, look, signal }: Looking): Promise<Health> {
  const deadline = performance.now() + PATIENCE;
  for (let observations = first; ; observations = await look()) {
    const status = judge(observations);
    const passes = status.problems.length > 0 && status.problems.every(({ code }) => PASSES.includes(code));
    if (!passes || signal.aborted || performance.now() > deadline) return { status, observations };
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
