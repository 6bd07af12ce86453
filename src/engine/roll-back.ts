import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { activeHosts } from '../planning/fitness.js';
import { planCluster } from '../planning/plan.js';
import { type Restoring, restorePlays } from '../planning/restore.js';
import type { PlannedChange } from '../planning/types.js';
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
  /** Hosts of which that is not known, and why: out of reach, or what they said cannot be read. */
  readonly away: ReadonlyMap<string, Diagnostic>;
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
  const away = new Map(
    [...observations].flatMap(([host, it]) => (it.reachable ? [] : [[host, it.error] as const])),
  );
  for (const [host, facts] of reachableFacts(observations)) {
    try {
      const found = facts.need(keptProbe(query));
      if (found.kind === 'kept') kept.set(host, found);
      if (found.kind === 'before') before.push(host);
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      const summary = `what was kept on this host is not known: ${error.reason}`;
      const problem: Diagnostic = {
        severity: 'error',
        code: 'unknown-fact',
        summary,
        cluster: cluster.name,
        host,
      };
      problems.push(problem);
      away.set(host, problem);
    }
  }
  // Hosts that were changed by different runs remember different ones: the youngest is what the cluster was.
  const models = [...kept.values()].flatMap(({ model }) => parseModel(model) ?? []);
  const [youngest] = models.sort((a, b) => b.number - a.number);
  return { kept, before, past: youngest === undefined ? null : clusterAt(cluster, youngest), problems, away };
}

export interface WentBack {
  /** Hosts that are as they were before the run. */
  readonly back: readonly string[];
  /** Hosts that could not be put back from here; what the run made of them stays. */
  readonly left: readonly string[];
  /** Empty: every host that the run changed is as before, and the pair serves. */
  readonly problems: readonly Diagnostic[];
}

/**
 * Puts every host that this run changed back, in the same order and with the same gates. One that is out of reach does not
 * keep the others from it, unless what was changed has to be the same on all of them.
 */
export async function rollBack(job: Job, recap: Recap): Promise<WentBack> {
  const { context } = job;
  const phase = (state: 'started' | 'done' | 'failed') =>
    context.emit({ event: 'phase', cluster: job.cluster.name, phase: 'rollback', state });
  phase('started');
  const went = await putBack(job, recap);
  phase(went.problems.length === 0 ? 'done' : 'failed');
  return went;
}

async function putBack(job: Job, recap: Recap): Promise<WentBack> {
  const { context, owner } = job;
  const about = { severity: 'error', code: 'not-rolled-back', cluster: job.cluster.name } as const;
  const query = { by: 'run', number: owner.number } as const;
  const found = await readKept(job.cluster, context.connected, query);
  const touched = [...context.touched].sort();
  const mine = touched.filter((host) => found.kept.has(host));
  // Where this run has kept nothing it has changed nothing either.
  const left = touched.filter((host) => found.away.has(host));
  const away = left.map((host): Diagnostic => {
    const summary =
      'this host could not be put back from here: it is out of reach, or what it kept is not known';
    return { ...about, summary, detail: found.away.get(host)?.summary ?? '', host };
  });
  const failed = (problems: readonly Diagnostic[]): WentBack => ({
    back: [],
    left: touched.filter((host) => mine.includes(host) || left.includes(host)),
    problems: [...away, ...problems],
  });
  if (mine.length === 0) return failed([]);

  const cluster = found.past ?? job.cluster;
  const connected = without(context.connected, found.away);
  const restoring: Restoring = { query, goal: 'serving', gated: found.past !== null };
  const { playbook, resources } = restorePlays(job.cluster.hosts, restoring);
  const observations = await observeAll(connected, (host) => planProbes(cluster, resources, host));
  const facts = reachableFacts(observations);
  const holders = activeHosts(cluster, facts);
  const plan = planCluster({ cluster, playbook, resources, facts, holders, limit: new Set(mine) });
  if (plan.status === 'error') return failed(plan.problems.filter((it) => it.severity === 'error'));
  if (left.length > 0 && (context.together || plan.changes.some(inStep))) {
    const summary = `not put back: ${mine.join(' and ')}. Hosts have to make this change together, and ${left.join(' and ')} cannot`;
    return failed([{ ...about, summary }]);
  }
  const back: BatchesContext = {
    ...context,
    cluster,
    connected,
    resources,
    seen: facts,
    listening: null,
    // Who was asked for what when the run began may be gone by now, and addresses of then come back in the end.
    held: new Set([...facts.values()].flatMap((it) => [...heldBy(cluster, it)])),
    kept: new Set(mine),
    armed: new Set(),
    ready: new Map(),
    guard: null,
  };
  const outcome = await runBatches(plan.batches, back, recap);
  await takeCharge(back, recap);
  if (outcome.kind !== 'done') {
    const message = 'message' in outcome ? outcome.message : outcome.kind;
    return failed([{ ...about, summary: `the rollback did not end: ${message}` }]);
  }
  recap.rolledBack(mine);
  const verdict = found.past === null ? null : await verify(cluster, connected, context.interrupted);
  const state = verdict?.status.state ?? 'healthy';
  const served = state === 'healthy' || state === 'degraded';
  const unserved = served ? [] : [{ ...about, summary: `everything was put back, and the pair is ${state}` }];
  return { back: mine, left, problems: [...away, ...unserved] };
}

function inStep({ change }: PlannedChange): boolean {
  return change.coordination !== 'independent';
}

/** Hosts that did not answer are out of reach from here on: nothing waits for them. */
function without({ sessions, failures }: Connected, away: ReadonlyMap<string, Diagnostic>): Connected {
  return {
    sessions: new Map([...sessions].filter(([host]) => !away.has(host))),
    failures: new Map([...failures, ...away]),
  };
}
