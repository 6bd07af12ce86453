import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { fitnessProbes, type Risk, riskOf } from '../planning/fitness.js';
import type { Batch, ClusterPlan } from '../planning/types.js';
import type { Facts, Probe } from '../resources/types.js';
import type { Observations } from './assess.js';
import type { Connected } from './connect.js';
import type { Emit } from './events.js';
import { settleLimit } from './gates.js';
import { observeAll } from './observe-cluster.js';
import { reachableFacts } from './prepare.js';

/** Milliseconds between two looks at a peer that is about to become fit. */
const PAUSE = 300;

export interface GuardInput {
  readonly cluster: Cluster;
  readonly connected: Connected;
  /** What was seen under the lock. */
  readonly observations: Observations;
  readonly force: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Keeps a host that serves from being changed while nobody could take its addresses over. It goes by what was
 * last seen of each host: under the lock, then at the end of each host's own batch.
 */
export class Guard {
  readonly #seen: Map<string, Facts>;
  readonly #warned = new Set<string>();
  /** Something was changed since the look under the lock: what is not fit yet may be about to be. */
  #changing = false;

  constructor(readonly input: GuardInput) {
    this.#seen = reachableFacts(input.observations);
  }

  /** What is to be asked of a host at the end of its batch; nothing where no further host will be changed. */
  asks(left: readonly Batch[]): readonly Probe<unknown>[] {
    return left.length === 0 ? [] : fitnessProbes(this.input.cluster);
  }

  saw(host: string, facts: Facts | null): void {
    this.#changing = true;
    if (facts !== null) this.#seen.set(host, facts);
  }

  /** Before a batch: null where it may begin, else why not. */
  async before(batch: Batch): Promise<Diagnostic | null> {
    const { cluster, connected, force, emit, signal } = this.input;
    const touched = batch.work.map(({ host }) => host);
    const risk = () => riskOf(cluster, touched, this.#seen, batch.peers ?? 'fit');
    let found = risk();
    // Out of reach from the beginning: there is nobody to wait for, and the run was told to go on without them.
    const alone = found?.peers.every(({ host }) => connected.failures.has(host)) ?? false;
    const deadline = Date.now() + settleLimit(cluster) * 1000;
    while (found !== null && this.#changing && !alone && !signal.aborted && Date.now() < deadline) {
      const fresh = await observeAll(connected, () => fitnessProbes(cluster));
      for (const [host, facts] of reachableFacts(fresh)) this.#seen.set(host, facts);
      for (const [host, it] of fresh) if (!it.reachable) this.#seen.delete(host);
      found = risk();
      if (found !== null) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    if (found === null) return null;
    if (!alone && !force) return refusal(cluster, found, this.#changing);
    if (!this.#warned.has(found.host)) emit({ event: 'diagnostic', diagnostic: warning(cluster, found) });
    this.#warned.add(found.host);
    return null;
  }
}

/** What `up` would refuse: hosts that serve, whose peers are unfit, and which no change of this plan mends. */
export function foresee(
  cluster: Cluster,
  plan: ClusterPlan,
  observations: Observations,
): readonly Diagnostic[] {
  const facts = reachableFacts(observations);
  const first = plan.batches
    .map(({ work, peers }) =>
      riskOf(
        cluster,
        work.map(({ host }) => host),
        facts,
        peers ?? 'fit',
      ),
    )
    .find((it) => it !== null);
  if (!first) return [];
  const changed = new Set(plan.changes.map(({ host }) => host));
  if (first.peers.some(({ host }) => changed.has(host) || !facts.has(host))) return [];
  const hint = `\`lbctl up\` does not touch ${first.host} like this; mend the other first (\`lbctl status\` says more)`;
  return [{ ...refusal(cluster, first, false), detail: '', severity: 'warning', hint }];
}

function reasons({ peers }: Risk): string {
  return peers.map(({ host, unfit }) => `${host}: ${unfit}`).join('; ');
}

function refusal(cluster: Cluster, risk: Risk, changing: boolean): Diagnostic {
  const done = changing
    ? `what was done on other hosts stays; ${risk.host} was not touched`
    : 'nothing was changed';
  return {
    severity: 'error',
    code: 'peer-unfit',
    summary: `${risk.host} serves and nobody could take over from it: ${reasons(risk)}`,
    detail: done,
    hint: `mend that first (\`lbctl status\` says more), or run with \`--force\`: then an error on ${risk.host} is an outage`,
    cluster: cluster.name,
    host: risk.host,
  };
}

function warning(cluster: Cluster, risk: Risk): Diagnostic {
  return {
    severity: 'warning',
    code: 'peer-unfit',
    summary: `${risk.host} is changed while nobody could take over from it: an error there is an outage`,
    detail: reasons(risk),
    cluster: cluster.name,
    host: risk.host,
  };
}
