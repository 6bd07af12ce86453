import { randomBytes } from 'node:crypto';
import type { Diagnostic } from '../../base/diagnostic.js';
import { EXIT, type ExitCode } from '../../base/exit-codes.js';
import type { Cluster } from '../../inventory/model.js';
import type { Playbook } from '../../playbook/model.js';
import { networkProbe } from '../../resources/probes/network.js';
import { type Transport, TransportError } from '../../transport/types.js';
import type { Observations } from '../assess.js';
import { type Connected, closeAll, connectAll } from '../connect.js';
import type { ClusterStatus, DrilledCluster } from '../documents.js';
import type { Emit } from '../events.js';
import { longestInterval } from '../gates.js';
import { DRILL_COMMAND } from '../lock.js';
import { observeAll } from '../observe-cluster.js';
import { reachableFacts } from '../prepare.js';
import { type ClusterResult, Recap } from '../recap.js';
import { lockPatiently } from '../take-lock.js';
import { answersIn, NoDrill, startProber } from './begin.js';
import { configurationOf } from './configuration.js';
import { activeHost, heldBefore } from './context.js';
import { type CutPlan, cutDevices, cutFactsScript, parseCutFacts, planCut } from './cut.js';
import type { FaultName } from './faults.js';
import { healthCheck, untilPassed } from './health.js';
import { makeAll } from './make-all.js';
import { aimOf } from './target.js';
import { type Watch, watchHosts } from './watchers.js';

export interface DrillInput {
  readonly cluster: Cluster;
  /** What `up` makes of a host: what is compared before anything is broken. */
  readonly playbook: Playbook;
  readonly transport: Transport;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly who: string;
  readonly lockWait: number;
  readonly faults: readonly FaultName[];
  /** null: whichever is active when a fault is made. */
  readonly host: string | null;
  readonly repeat: number;
  /** Requests a second. */
  readonly rate: number;
}

export interface DrillOutcome {
  readonly result: ClusterResult;
  readonly drilled: DrilledCluster | null;
}

/** Breaks one pair in every way asked for, one after the other. Never throws for what a user can mend. */
export async function drillCluster(input: DrillInput): Promise<DrillOutcome> {
  const { cluster, emit } = input;
  const recap = new Recap(input);
  const phase = (name: 'connect' | 'lock', state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: cluster.name, phase: name, state });
  const refuse = (exit: ExitCode, diagnostics: readonly Diagnostic[], error: string): DrillOutcome => {
    for (const it of diagnostics) {
      if (exit === EXIT.unreachable) recap.unreachable(it);
      else recap.diagnose(it);
    }
    return { result: recap.end(exit, null, `${error}; nothing was broken`), drilled: null };
  };
  phase('connect', 'started');
  const connected = await connectAll(cluster, input.transport, input.signal);
  try {
    phase('connect', connected.failures.size === 0 ? 'done' : 'failed');
    if (input.signal.aborted) return refuse(EXIT.interrupted, [], 'interrupted');
    if (connected.failures.size > 0)
      return refuse(EXIT.unreachable, [...connected.failures.values()], 'a host is out of reach');
    phase('lock', 'started');
    const owner = {
      token: randomBytes(12).toString('hex'),
      who: input.who,
      command: DRILL_COMMAND,
      since: new Date().toISOString(),
    };
    const health = healthCheck(cluster, input.playbook);
    const patience = { seconds: input.lockWait, signal: input.signal };
    const asking = { probes: health.probes, seen: null, always: [] };
    const locked = await lockPatiently(cluster, connected.sessions, owner, asking, patience);
    phase('lock', locked.ok ? 'done' : 'failed');
    if (!locked.ok) return refuse(EXIT[locked.why], [locked.error], locked.error.summary);
    try {
      const { status, observations } = await untilPassed({
        judge: health.judge,
        first: locked.observations,
        look: () => observeAll(connected, health.probes),
        signal: input.signal,
      });
      if (input.signal.aborted) return refuse(EXIT.interrupted, [], 'interrupted');
      if (status.state !== 'healthy')
        return refuse(EXIT.unhealthy, problemsOf(status), `the pair is ${status.state}`);
      return await drillHealthy(input, { connected, observations, status, token: owner.token }, recap);
    } catch (error) {
      if (error instanceof NoDrill) return refuse(error.exit, [error.diagnostic], error.message);
      if (error instanceof TransportError)
        return refuse(EXIT.unreachable, [{ ...error.diagnostic, cluster: cluster.name }], error.message);
      throw error;
    } finally {
      await locked.lock.release();
    }
  } finally {
    closeAll(connected);
  }
}

interface Healthy {
  readonly connected: Connected;
  readonly observations: Observations;
  readonly status: ClusterStatus;
  readonly token: string;
}

async function drillHealthy(input: DrillInput, pair: Healthy, recap: Recap): Promise<DrillOutcome> {
  const { cluster, emit, rate, signal, transport } = input;
  const { connected, token } = pair;
  const held = heldBefore(pair.status, input.host ?? activeHost(pair.status));
  const aim = aimOf(cluster, held, answersIn(cluster, pair.observations));
  if (aim === null) {
    const summary = 'nothing answers through a virtual address that a client loop could ask';
    throw new NoDrill(EXIT.failed, {
      severity: 'error',
      code: 'drill-no-client',
      summary,
      cluster: cluster.name,
    });
  }
  const configuration = await configurationOf(connected);
  const cuts = input.faults.includes('network-cut')
    ? await cutPlans(input, pair)
    : new Map<string, CutPlan>();
  const watch = await watchHosts(connected.sessions);
  try {
    const { prober, clockError, close } = await startProber({ cluster, transport, aim, rate, signal });
    try {
      const clock_error_ms = clockErrorOf(watch, clockError);
      const about = `${aim.label}, ${rate} requests a second, measured by ${prober.description}`;
      emit({ event: 'notice', cluster: cluster.name, host: null, message: about });
      const context = { cluster, connected, token, watch, prober, rate, address: aim.address, emit, signal };
      const runs = await makeAll(input, { context, cuts, status: pair.status }, recap);
      return {
        result: runs.result,
        drilled: {
          name: cluster.name,
          hosts: cluster.hosts.map(({ name }) => name),
          address: aim.address,
          asked: aim.label,
          measured_from: prober.description,
          clock_error_ms,
          configuration,
          runs: runs.done,
        },
      };
    } finally {
      close();
    }
  } finally {
    watch.stop();
  }
}

function problemsOf({ name, problems }: ClusterStatus): Diagnostic[] {
  return problems.map(({ code, message, host }) => ({
    severity: 'error',
    code,
    summary: message,
    cluster: name,
    ...(host === null ? {} : { host }),
  }));
}

/** How each host can be cut off. @throws TransportError */
async function cutPlans(
  input: DrillInput,
  { connected, observations }: Healthy,
): Promise<Map<string, CutPlan>> {
  const { cluster } = input;
  const vips = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  // Three adverts and the skew until the others take over, and as much again.
  const downSeconds = Math.ceil(8 * longestInterval(cluster));
  const plans = new Map<string, CutPlan>();
  await Promise.all(
    cluster.hosts.map(async (host) => {
      const facts = reachableFacts(observations).get(host.name);
      const session = connected.sessions.get(host.name);
      if (facts === undefined || session === undefined) return;
      const devices = cutDevices(cluster, host, facts.need(networkProbe));
      const { stdout } = await session.run(cutFactsScript(devices), { limit: 20, repeatable: true });
      plans.set(host.name, planCut({ facts: parseCutFacts(stdout), devices, vips, downSeconds }));
    }),
  );
  return plans;
}

function clockErrorOf(watch: Watch, client: number): number {
  return Math.round(Math.max(client, ...[...watch.clocks.values()].map(({ error }) => error)) * 10) / 10;
}
