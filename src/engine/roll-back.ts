import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { planCluster } from '../planning/plan.js';
import { type Restoring, restorePlays } from '../planning/restore.js';
import { type KeptFacts, type KeptQuery, keptProbe } from '../resources/probes/generation.js';
import { UnknownFact } from '../resources/types.js';
import type { Job } from './apply.js';
import type { Observations } from './assess.js';
import type { Connected } from './connect.js';
import { clusterAt, parseModel } from './model-file.js';
import { observeAll } from './observe-cluster.js';
import { heldBy, planProbes, reachableFacts } from './prepare.js';
import type { Recap } from './recap.js';
import { type BatchesContext, runBatches, takeCharge } from './run-batches.js';
import { verify } from './verify.js';

/** What of a cluster was kept, and what it was like then. */
export interface KeptCluster {
  /** By host; only those where something was kept. */
  readonly kept: ReadonlyMap<string, Extract<KeptFacts, { kind: 'kept' }>>;
  /** Hosts that had no lbctl then. */
  readonly before: readonly string[];
  /** null: the configuration was not lbctl's. */
  readonly past: Cluster | null;
  readonly problems: readonly Diagnostic[];
}

export async function readKept(
  cluster: Cluster,
  connected: Connected,
  query: KeptQuery,
): Promise<KeptCluster> {
  return keptCluster(cluster, await observeAll(connected, () => [keptProbe(query)]), query);
}

function keptCluster(cluster: Cluster, observations: Observations, query: KeptQuery): KeptCluster {
  const kept = new Map<string, Extract<KeptFacts, { kind: 'kept' }>>();
  const before: string[] = [];
  const problems: Diagnostic[] = [];
  for (const [host, facts] of reachableFacts(observations)) {
    try {
      const found = facts.need(keptProbe(query));
      if (found.kind === 'kept') kept.set(host, found);
      if (found.kind === 'before') before.push(host);
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      const summary = `what was kept on this host is not known: ${error.reason}`;
      problems.push({ severity: 'error', code: 'unknown-fact', summary, cluster: cluster.name, host });
    }
  }
  // Hosts that were changed by different runs remember different ones: the youngest is what the cluster was.
  const models = [...kept.values()].flatMap(({ model }) => parseModel(model) ?? []);
  const [youngest] = models.sort((a, b) => b.number - a.number);
  return { kept, before, past: youngest === undefined ? null : clusterAt(cluster, youngest), problems };
}

/** Puts every host that this run changed back, in the same order and with the same gates. Empty: as before the run. */
export async function rollBack(job: Job, recap: Recap): Promise<readonly Diagnostic[]> {
  const { context, owner } = job;
  const { connected, emit } = context;
  const phase = (state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: job.cluster.name, phase: 'rollback', state });
  phase('started');
  const query = { by: 'run', number: owner.number } as const;
  const found = await readKept(job.cluster, connected, query);
  const away = [...context.kept].filter((host) => !found.kept.has(host));
  if (found.problems.length > 0 || away.length > 0) {
    phase('failed');
    const summary = `${away.join(' and ')} cannot be put back from here: out of reach, or nothing was kept there`;
    return [
      ...found.problems,
      ...(away.length === 0
        ? []
        : [{ severity: 'error', code: 'not-rolled-back', summary, cluster: job.cluster.name } as const]),
    ];
  }
  const cluster = found.past ?? job.cluster;
  const restoring: Restoring = { query, goal: 'serving', gated: found.past !== null };
  const { playbook, resources } = restorePlays(job.cluster.hosts, restoring);
  const observations = await observeAll(connected, (host) => planProbes(cluster, resources, host));
  const facts = reachableFacts(observations);
  const holders = new Set([...facts].filter(([, it]) => heldBy(cluster, it).size > 0).map(([host]) => host));
  const plan = planCluster({ cluster, playbook, resources, facts, holders, limit: context.kept });
  const errors = plan.problems.filter((it) => it.severity === 'error');
  if (plan.status === 'error') {
    phase('failed');
    return errors;
  }
  const back: BatchesContext = {
    ...context,
    cluster,
    resources,
    listening: null,
    armed: new Set(),
    guard: null,
  };
  const outcome = await runBatches(plan.batches, back, recap);
  await takeCharge(back, recap);
  if (outcome.kind !== 'done') {
    phase('failed');
    const message = 'message' in outcome ? outcome.message : outcome.kind;
    return [
      {
        severity: 'error',
        code: 'not-rolled-back',
        summary: `the rollback did not end: ${message}`,
        cluster: cluster.name,
      },
    ];
  }
  recap.rolledBack(context.kept);
  const verdict = found.past === null ? null : await verify(cluster, connected, [], context.interrupted);
  const state = verdict?.status.state ?? 'healthy';
  const served = state === 'healthy' || state === 'degraded';
  phase(served ? 'done' : 'failed');
  return served
    ? []
    : [
        {
          severity: 'error',
          code: 'not-rolled-back',
          summary: `everything was put back, and the pair is ${state}`,
          cluster: cluster.name,
        },
      ];
}
