import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import type { Play, Playbook } from '../playbook/model.js';
import { handlerService, handlerStep } from '../resources/handlers.js';
import { type Change, type Facts, HANDLERS, type HandlerName, UnknownFact } from '../resources/types.js';
import type { HostResources, PlannedTask } from './build-resources.js';
import { standbyFirst } from './order.js';
import { keepalivedTogether } from './together.js';
import type { Batch, ClusterPlan, HostWork, PlannedChange, WorkItem } from './types.js';

export interface PlanInput {
  readonly cluster: Cluster;
  readonly playbook: Playbook;
  readonly resources: readonly HostResources[];
  /** By host name: facts of every host of the cluster. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** Hosts whose `ip addr` shows one of the cluster's virtual addresses. */
  readonly holders: ReadonlySet<string>;
  /** Hosts that may be changed; the others are only looked at. */
  readonly limit: ReadonlySet<string>;
}

interface Decided {
  readonly change: Change;
  readonly notify: readonly HandlerName[];
}

/** Compares what should be with what is. Pure: the same input gives the same plan. */
export function planCluster(input: PlanInput): ClusterPlan {
  const { cluster, playbook } = input;
  const problems: Diagnostic[] = [];
  const byPlay = playbook.map(() => new Map<string, Decided[]>());
  for (const { host, plays } of input.resources) {
    if (!input.limit.has(host.name)) continue;
    const facts = input.facts.get(host.name);
    if (facts === undefined) continue;
    plays.forEach((tasks, index) => {
      const decided = tasks.flatMap((task) => decide(task, facts, cluster.name, host.name, problems));
      if (decided.length > 0) byPlay[index]?.set(host.name, decided);
    });
  }
  const changes = byPlay.flatMap((hosts) =>
    [...hosts].flatMap(([host, decided]) => decided.map(({ change }): PlannedChange => ({ host, change }))),
  );
  const failed = problems.some((problem) => problem.severity === 'error');
  const batches = failed
    ? []
    : playbook.flatMap((play, index) => batchesOf(play, byPlay[index] ?? new Map(), input));
  const status = failed ? 'error' : changes.length > 0 ? 'changes' : 'noop';
  return { cluster: cluster.name, status, changes, batches, problems: unique(problems) };
}

function decide(
  { task, resource }: PlannedTask,
  facts: Facts,
  cluster: string,
  host: string,
  problems: Diagnostic[],
): Decided[] {
  try {
    const { change, problems: found } = resource.plan(facts);
    problems.push(...found.map((problem) => ({ ...problem, cluster, host, resource: resource.id })));
    if (change === null) return [];
    const notify = change.silent ? change.notify : [...change.notify, ...task.notify];
    return [{ change, notify }];
  } catch (error) {
    if (!(error instanceof UnknownFact)) throw error;
    problems.push({
      severity: 'error',
      code: 'unknown-fact',
      summary: `what is there now could not be learnt (${error.key})`,
      detail: error.reason,
      hint: 'nothing was changed: what is unknown cannot be compared',
      cluster,
      host,
      resource: resource.id,
    });
    return [];
  }
}

function batchesOf(play: Play, decided: ReadonlyMap<string, readonly Decided[]>, input: PlanInput): Batch[] {
  if (decided.size === 0) return [];
  const work = new Map<string, HostWork>();
  for (const [host, changes] of decided) work.set(host, { host, items: workItems(changes, input.cluster) });
  const standing = { hosts: input.cluster.hosts.map((host) => host.name), holders: input.holders };
  const ordered = standbyFirst(standing).flatMap((host) => work.get(host) ?? []);
  if (play.order === 'parallel') return [{ play: play.name, work: ordered, gates: play.gates }];
  const together = [...decided.values()].flat().some(({ change }) => change.coordination === 'together');
  if (together && input.holders.size > 0) return keepalivedTogether(play, ordered, input);
  return ordered.map((host) => ({ play: play.name, work: [host], gates: play.gates }));
}

/** The changes in their order, then the handlers they notified, each once, in the handlers' own order. */
function workItems(decided: readonly Decided[], cluster: Cluster): WorkItem[] {
  const started = new Set(decided.flatMap(({ change }) => change.starts));
  const notified = new Set(decided.flatMap(({ notify }) => notify));
  const handlers = HANDLERS.filter((name) => notified.has(name) && !started.has(handlerService(name)));
  return [
    ...decided
      .filter(({ change }) => change.steps.length > 0)
      .map(
        ({ change }): WorkItem => ({
          resource: change.resource,
          title: change.title,
          steps: change.steps,
          change,
        }),
      ),
    ...handlers.map(
      (name): WorkItem => ({
        resource: name,
        title: name,
        steps: [handlerStep(name, cluster)],
        change: null,
      }),
    ),
  ];
}

function unique(problems: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map(problems.map((it) => [`${it.code} ${it.host} ${it.summary}`, it]));
  return [...seen.values()];
}
