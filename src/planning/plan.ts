import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import type { Play, Playbook } from '../playbook/model.js';
import { preferredHost } from '../render/keepalived.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import type { HostResources, PlannedTask } from './build-resources.js';
import { classify } from './classes.js';
import { firstHolderAtOnce } from './first-holder.js';
import { type Fitness, whyUnfit } from './fitness.js';
import { standbyFirst } from './order.js';
import { keepalivedTogether, waitingHosts } from './together.js';
import type { Batch, ClusterPlan, HostWork, PlannedChange } from './types.js';
import { type Decided, workItems } from './work-items.js';

export interface PlanInput {
  readonly cluster: Cluster;
  readonly playbook: Playbook;
  readonly resources: readonly HostResources[];
  /** By host name: facts of every host of the cluster. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** Hosts that serve: those whose `ip addr` shows one of the cluster's virtual addresses. */
  readonly holders: ReadonlySet<string>;
  /** Hosts that may be changed; the others are only looked at. */
  readonly limit: ReadonlySet<string>;
}

/** Compares what should be with what is. Pure: the same input gives the same plan. */
export function planCluster(input: PlanInput): ClusterPlan {
  const { cluster, playbook } = input;
  const problems: Diagnostic[] = [];
  const waiting = waitingHosts(input.facts);
  const byPlay = playbook.map(() => new Map<string, Decided[]>());
  for (const { host, plays } of input.resources) {
    if (!input.limit.has(host.name)) continue;
    const facts = input.facts.get(host.name);
    if (facts === undefined) continue;
    plays.forEach((tasks, index) => {
      const decided = tasks.flatMap((task) => decide(task, facts, cluster.name, host.name, problems));
      const isWaitedFor = waiting.size > 0 && input.holders.has(host.name);
      if (decided.length > 0) byPlay[index]?.set(host.name, isWaitedFor ? decided.map(anew) : decided);
    });
  }
  const changes = byPlay.flatMap((hosts) =>
    [...hosts].flatMap(([host, decided]) =>
      decided.map(({ change, notify }): PlannedChange => {
        const classed = classify({ cluster, host, change, notify, active: input.holders });
        return { host, change, ...classed };
      }),
    ),
  );
  problems.push(...halves(input, changes));
  const failed = problems.some((problem) => problem.severity === 'error');
  const batches = failed ? [] : allBatches(byPlay, input).map((batch) => halfFlipped(batch, waiting));
  const status = failed ? 'error' : changes.length > 0 ? 'changes' : 'noop';
  return { cluster: cluster.name, status, changes, batches, problems: unique(problems) };
}

/**
 * Hosts that could not take over now come first with all that is to be done on them: a host that serves is not
 * touched before somebody could stand in for it, and that may be what this run mends.
 */
function allBatches(byPlay: readonly ReadonlyMap<string, readonly Decided[]>[], input: PlanInput): Batch[] {
  const { cluster, playbook, holders, facts } = input;
  const isMended = (host: string) => {
    const found = facts.get(host);
    return holders.size > 0 && !holders.has(host) && found !== undefined && whyUnfit(cluster, found) !== null;
  };
  const flips = byPlay.map((hosts) => holders.size > 0 && inStep([...hosts.values()].flat()));
  const starts = playbook.findIndex(touchesKeepalived);
  const pass = (mended: boolean) =>
    playbook.flatMap((play, index) => {
      const decided = [...(byPlay[index] ?? [])];
      // What hosts do together is not torn apart.
      const mine = decided.filter(([host]) => (flips[index] ? !mended : isMended(host) === mended));
      const serving = starts >= 0 && index > starts ? servingThen(input) : holders;
      const peers = neededOf(index, flips.indexOf(true));
      return batchesOf(play, new Map(mine), input, serving).map((batch) =>
        peers === 'fit' ? batch : { ...batch, peers },
      );
    });
  return firstHolderAtOnce([...pass(true), ...pass(false)], cluster, facts);
}

/**
 * What the peers must be able to do during a play. Until the one in which hosts change together their keepalived may be
 * stopped, since an earlier run that did not get through it leaves it so.
 * @param flip which play that is; -1: none
 */
function neededOf(play: number, flip: number): Fitness {
  return play === flip ? 'serving' : play < flip ? 'startable' : 'fit';
}

/**
 * A change that hosts make together was left half done, and this is the host that serves: what its keepalived still has
 * to read may be the half of it that the others wait for.
 */
function anew(decided: Decided): Decided {
  const { change, notify } = decided;
  return notify.includes('reload keepalived')
    ? { notify, change: { ...change, coordination: 'anew' } }
    : decided;
}

function halfFlipped(batch: Batch, waiting: ReadonlySet<string>): Batch {
  return batch.work.some(({ host }) => waiting.has(host)) ? { ...batch, flip: true } : batch;
}

/** Who serves once keepalived has been started: where nobody holds an address yet, the preferred hosts. */
function servingThen({ cluster, holders }: PlanInput): ReadonlySet<string> {
  return holders.size > 0 ? holders : new Set(cluster.vrrpInstances.map(preferredHost));
}

function touchesKeepalived(play: Play): boolean {
  return play.tasks.some((task) => /keepalived/.test(task.args.name ?? task.type));
}

function inStep(decided: readonly Decided[]): boolean {
  return decided.some(({ change }) => change.coordination !== 'independent');
}

/** A change that hosts must agree on, with `--limit` for some of them: the rest would hold the addresses as well. */
function halves(input: PlanInput, changes: readonly PlannedChange[]): Diagnostic[] {
  if (!changes.some(({ change }) => change.coordination !== 'independent')) return [];
  const outside = input.resources.filter(({ host, plays }) => {
    const facts = input.facts.get(host.name);
    if (input.limit.has(host.name) || facts === undefined) return false;
    return plays
      .flat()
      .flatMap((task) => decide(task, facts, input.cluster.name, host.name, []))
      .some(({ change }) => change.coordination !== 'independent');
  });
  return outside.map(({ host }) => ({
    severity: 'error',
    code: 'not-by-halves',
    summary: `this change of keepalived has to reach "${host.name}" as well, which \`--limit\` leaves out: both hosts would hold the addresses`,
    hint: 'run it without `--limit`, or with every host of the cluster that runs',
    cluster: input.cluster.name,
    host: host.name,
    resource: 'keepalived_config',
  }));
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

/** @param serving hosts that serve when the play comes to run */
function batchesOf(
  play: Play,
  decided: ReadonlyMap<string, readonly Decided[]>,
  input: PlanInput,
  serving: ReadonlySet<string>,
): Batch[] {
  if (decided.size === 0) return [];
  const work = new Map<string, HostWork>();
  for (const [host, changes] of decided) {
    const facts = input.facts.get(host);
    if (facts !== undefined) work.set(host, { host, items: workItems(changes, input.cluster, facts) });
  }
  const standing = { hosts: input.cluster.hosts.map((host) => host.name), holders: serving };
  const ordered = standbyFirst(standing).flatMap((host) => work.get(host) ?? []);
  if (play.order === 'parallel') {
    // Whatever it is that goes wrong, it does not go wrong on a host that serves and on its peer at the same time.
    const standbys = ordered.filter(({ host }) => !serving.has(host));
    const active = ordered.filter(({ host }) => serving.has(host));
    return [standbys, ...active.map((it) => [it])]
      .filter((work) => work.length > 0)
      .map((work) => ({ play: play.name, work, gates: play.gates }));
  }
  if (inStep([...decided.values()].flat()) && input.holders.size > 0)
    return keepalivedTogether(play, ordered, input);
  // While no address is held nothing is served yet, and only keepalived needs the preferred host first.
  if (serving.size === 0 && !touchesKeepalived(play))
    return [{ play: play.name, work: ordered, gates: play.gates }];
  return ordered.map((host) => ({ play: play.name, work: [host], gates: play.gates }));
}

function unique(problems: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map(problems.map((it) => [`${it.code} ${it.host} ${it.summary}`, it]));
  return [...seen.values()];
}
