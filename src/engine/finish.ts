import { EXIT } from '../base/exit-codes.js';
import type { Cluster } from '../inventory/model.js';
import type { ClusterStatus } from './documents.js';
import type { Emit } from './events.js';
import type { ClusterResult, Recap } from './recap.js';
import type { Verdict } from './verify.js';

/**
 * What the verification found decides: an unhealthy pair is exit 5, whatever the run did.
 * @param note what became of the changes of an unhealthy pair, as a half sentence
 */
export function finish(
  { cluster, emit }: { readonly cluster: Cluster; readonly emit: Emit },
  verdict: Verdict,
  recap: Recap,
  note: string | null = null,
): ClusterResult {
  const { state } = verdict.status;
  for (const message of proofLines(verdict.status, verdict.proof)) {
    emit({ event: 'notice', cluster: cluster.name, host: null, message });
  }
  tellProblems(cluster, verdict, recap);
  if (state === 'healthy') return recap.end(EXIT.ok, state, null);
  const unreachable = verdict.status.problems.some((it) => it.code === 'host_unreachable');
  return recap.end(
    unreachable ? EXIT.unreachable : EXIT.unhealthy,
    state,
    [`the pair is ${state} after the run: \`lbctl status\` shows it`, note].filter(Boolean).join('; '),
  );
}

/** What the verification found wrong. */
export function tellProblems(cluster: Cluster, { status }: Verdict, recap: Recap): void {
  for (const problem of status.problems) {
    recap.diagnose({
      severity: 'error',
      code: problem.code,
      summary: problem.message,
      cluster: cluster.name,
      ...(problem.host === null ? {} : { host: problem.host }),
    });
  }
}

function proofLines(status: ClusterStatus, proof: readonly string[]): string[] {
  const holders = status.virtual_ips
    .filter((vip) => vip.holders.length === 1)
    .map((vip) => `${vip.address} is held by ${vip.holders[0]} alone`);
  return [...holders, ...status.notices.map((it) => it.message), ...proof];
}
