import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT } from '../base/exit-codes.js';
import { raw, sh } from '../base/shell.js';
import { downBatches, downPlays } from '../planning/down.js';
import { planCluster } from '../planning/plan.js';
import type { ClusterPlan } from '../planning/types.js';
import { BESIDE_FILES, HAPROXY_CFG, STATS_SOCKET, TRACK_FILES } from '../render/platform.js';
import { type KeptFacts, keptProbe } from '../resources/probes/generation.js';
import { BEFORE } from '../resources/restore/down-states.js';
import { UnknownFact } from '../resources/types.js';
import type { Transport } from '../transport/types.js';
import { batchesContext, batchesThroughLosses } from './apply.js';
import type { Observations } from './assess.js';
import { standingOf } from './before.js';
import { type Connected, closeAll, connectAll } from './connect.js';
import { undoUnit } from './dead-man.js';
import { dissolveScript } from './lock.js';
import { type Locked, type LockInput, lockFor } from './lock-for.js';
import { observeAll } from './observe-cluster.js';
import { heldBy, planProbes, reachableFacts, summarize } from './prepare.js';
import { type ClusterResult, Recap } from './recap.js';
import { CHANGE } from './revert.js';

export interface DownInput extends LockInput {
  readonly transport: Transport;
  /** Hosts that may be changed; null: all. */
  readonly limit: ReadonlySet<string> | null;
  readonly force: boolean;
  /** Seconds; null: each step's own. */
  readonly stepLimit: number | null;
  /** Removes the packages that were not there before. */
  readonly packages: 'keep' | 'remove';
}

/** Takes one cluster apart: its hosts become what they were before lbctl. Never throws for what a user can mend. */
export async function downCluster(input: DownInput): Promise<ClusterResult> {
  const { cluster, emit } = input;
  const recap = new Recap(input);
  const phase = (name: 'connect' | 'observe', state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: cluster.name, phase: name, state });
  phase('connect', 'started');
  const connected = await connectAll(cluster, input.transport, input.signal);
  phase('connect', connected.failures.size === 0 ? 'done' : 'failed');
  try {
    if (input.signal.aborted) return recap.end(EXIT.interrupted, null, 'interrupted; nothing was changed');
    phase('observe', 'started');
    const seen = keptOn(await observeAll(connected, () => [keptProbe(BEFORE)]));
    phase('observe', seen.problems.length === 0 ? 'done' : 'failed');
    for (const error of seen.away) recap.unreachable(error);
    for (const error of seen.problems) recap.diagnose(error);
    if (seen.away.some(({ host = '' }) => input.limit?.has(host) ?? !input.force))
      return recap.end(EXIT.unreachable, null, 'a host is out of reach; nothing was changed');
    if (seen.problems.length > 0) return recap.end(EXIT.failed, null, 'refused; nothing was changed');
    const mine = [...seen.kept.keys()].filter((host) => input.limit?.has(host) ?? true);
    for (const host of seen.never.filter((it) => input.limit?.has(it) ?? true)) {
      const message = 'lbctl has never changed this host, or has put everything back: it is left alone';
      emit({ event: 'notice', cluster: cluster.name, host, message });
    }
    if (mine.length === 0) return recap.end(EXIT.ok, null, null);
    const look = lookFor(input, seen.kept, new Set(mine), connected);
    const locked = await lockFor({ ...input }, connected, look.probes);
    if (!locked.ok) {
      recap.diagnose(locked.error);
      return recap.end(EXIT[locked.why], null, `${locked.error.summary}; nothing was changed`);
    }
    try {
      return await downLocked(input, { connected, look, locked, recap, seen });
    } finally {
      await locked.lock.release();
    }
  } finally {
    closeAll(connected);
  }
}

type Kept = Extract<KeptFacts, { kind: 'kept' }>;

interface Seen {
  readonly kept: ReadonlyMap<string, Kept>;
  readonly never: readonly string[];
  readonly away: readonly Diagnostic[];
  readonly problems: readonly Diagnostic[];
}

function keptOn(observations: Observations): Seen {
  const kept = new Map<string, Kept>();
  const never: string[] = [];
  const problems: Diagnostic[] = [];
  for (const [host, facts] of reachableFacts(observations)) {
    try {
      const found = facts.need(keptProbe(BEFORE));
      if (found.kind === 'kept') kept.set(host, found);
      else never.push(host);
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      const summary = `what this host was like before lbctl is not known: ${error.reason}`;
      problems.push({ severity: 'error', code: 'unknown-fact', summary, host });
    }
  }
  const away = [...observations.values()].flatMap((it) => (it.reachable ? [] : [it.error]));
  return { kept, never, away, problems };
}

/** What is compared, and how. */
function lookFor(input: DownInput, kept: Seen['kept'], limit: ReadonlySet<string>, connected: Connected) {
  const { cluster } = input;
  const { playbook, resources } = downPlays({
    cluster,
    hosts: cluster.hosts.filter(({ name }) => limit.has(name)),
    purge: (host) =>
      input.packages === 'keep'
        ? []
        : Object.keys(kept.get(host)?.states ?? {}).flatMap((key) => /^package\.(.+)$/.exec(key)?.[1] ?? []),
  });
  const probes = (host: string) => planProbes(cluster, resources, host);
  const planOf = (observations: Observations): ClusterPlan => {
    const facts = reachableFacts(observations);
    const holders = new Set(
      [...facts].filter(([, it]) => heldBy(cluster, it).size > 0).map(([host]) => host),
    );
    const plan = planCluster({ cluster, playbook, resources, facts, holders, limit });
    return { ...plan, batches: downBatches(playbook, plan.batches) };
  };
  return { resources, limit, probes, planOf, again: () => observeAll(connected, probes) };
}

interface Downing {
  readonly connected: Connected;
  readonly look: ReturnType<typeof lookFor>;
  readonly locked: Locked;
  readonly recap: Recap;
  readonly seen: Seen;
}

const AGAIN = 'what was put back stays so: `lbctl down` again goes on with the rest';

async function downLocked(input: DownInput, it: Downing): Promise<ClusterResult> {
  const { cluster, emit } = input;
  const { connected, look, locked, recap } = it;
  const plan = look.planOf(locked.observations);
  for (const problem of plan.problems) recap.diagnose(problem);
  if (plan.status === 'error') return recap.end(EXIT.failed, null, 'refused; nothing was changed');
  emit({ event: 'plan', cluster: cluster.name, changes: summarize(plan) });
  const phase = (name: 'apply' | 'verify', state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: cluster.name, phase: name, state });
  if (plan.batches.length > 0) {
    phase('apply', 'started');
    const context = {
      ...batchesContext(locked.owner, {
        ...input,
        ...standingOf(cluster, null, locked.observations),
        plan,
        resources: look.resources,
        connected,
        listening: null,
        interrupted: input.signal,
        showDiff: false,
        guard: null,
      }),
      // What is taken away is what lbctl wrote: the inventory builds it again.
      keep: () => raw(':'),
      begin: raw(':'),
      revert: null,
    };
    const replan = async () => look.planOf(await look.again());
    const outcome = await batchesThroughLosses({ context, replan }, plan, recap);
    phase('apply', outcome.kind === 'done' ? 'done' : 'failed');
    if (outcome.kind === 'interrupted') return recap.end(EXIT.interrupted, null, `interrupted; ${AGAIN}`);
    if (outcome.kind !== 'done') return recap.end(EXIT.failed, null, `${outcome.message}; ${AGAIN}`);
  }
  phase('verify', 'started');
  const problems = await left(input, it);
  phase('verify', problems.length === 0 ? 'done' : 'failed');
  for (const problem of problems) recap.diagnose(problem);
  if (problems.length > 0)
    return recap.end(EXIT.unhealthy, null, `not everything is as it was before lbctl; ${AGAIN}`);
  const failed = await locked.lock.dissolve(look.limit, dissolveScript(locked.owner.token, LEFTOVERS));
  for (const [host, detail] of failed)
    recap.diagnose({
      severity: 'error',
      code: 'not-removed',
      summary: "lbctl's own state could not be removed from this host",
      detail,
      hint: AGAIN,
      cluster: cluster.name,
      host,
    });
  if (failed.size > 0)
    return recap.end(EXIT.failed, null, `lbctl's own state is left on ${[...failed.keys()].join(' and ')}`);
  const message =
    'the hosts are as they were before lbctl; `lbctl up` with this inventory builds the pair again';
  emit({ event: 'notice', cluster: cluster.name, host: null, message });
  return recap.end(EXIT.ok, null, null);
}

/** What is below /run, and lives until the next boot otherwise. */
const LEFTOVERS = sh`systemctl stop ${`${undoUnit(CHANGE)}.timer`} 2>/dev/null
rm -rf /run/lbctl /run/lbctl-dump.lock ${raw(`${BESIDE_FILES}*`)} ${Object.values(TRACK_FILES).map(({ path }) => path)}
grep -qF ${STATS_SOCKET} ${HAPROXY_CFG} 2>/dev/null || rm -f ${STATS_SOCKET}`;

/** What is not as it should be at the end: looked at anew, whatever the steps said. */
async function left(input: DownInput, { look, seen }: Downing): Promise<Diagnostic[]> {
  const { cluster, emit } = input;
  const observations = await look.again();
  const plan = look.planOf(observations);
  const problems: Diagnostic[] = plan.problems.filter((it) => it.severity === 'error');
  for (const { host, change } of plan.changes) {
    const summary = `${change.resource} is not as it was: ${change.reason}`;
    problems.push({ severity: 'error', code: 'not-restored', summary, cluster: cluster.name, host });
  }
  const facts = reachableFacts(observations);
  for (const host of look.limit) {
    const found = facts.get(host);
    if (found === undefined) {
      const summary = 'this host could not be looked at again';
      problems.push({ severity: 'error', code: 'host-unreachable', summary, cluster: cluster.name, host });
      continue;
    }
    const held = [...heldBy(cluster, found)].join(', ');
    if (held === '') continue;
    // Its own keepalived may hold what it held before lbctl.
    if (seen.kept.get(host)?.states['keepalived.ActiveState'] === 'active') {
      const message = `${held} is held by the keepalived that ran here before lbctl`;
      emit({ event: 'notice', cluster: cluster.name, host, message });
    } else {
      const summary = `this host still holds ${held}`;
      problems.push({ severity: 'error', code: 'vip-held', summary, cluster: cluster.name, host });
    }
  }
  return problems;
}
