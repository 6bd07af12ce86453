import type { Cluster } from '../inventory/model.js';
import { networkProbe } from '../resources/probes/network.js';
import { type Answer, type Target, throughVipProbe, verifyTargets } from '../resources/probes/through-vip.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import { assess, type Observations, statusProbes } from './assess.js';
import type { Connected } from './connect.js';
import type { ClusterStatus, Problem } from './documents.js';
import { settleLimit } from './gates.js';
import type { ObserveOptions } from './observe.js';
import { observeAll } from './observe-cluster.js';
import { heldBy, reachableFacts } from './prepare.js';

export interface Verdict {
  readonly status: ClusterStatus;
  /** What could be proven, for people: `web answers on http://…: app/web1, app/web2`. */
  readonly proof: readonly string[];
}

/** Milliseconds between two looks while a pair settles. */
const PAUSE = 300;

/** HAProxy's own answers when it has no server to ask. */
const NO_SERVER = [502, 503, 504];

/**
 * The assessment, and on top of it what a client would meet: every frontend asked through its virtual address
 * from a host that does not hold it. Pure.
 * @param asked whose frontends were asked, where that is another state of the cluster: what is in both is judged
 */
export function judgeVerification(
  cluster: Cluster,
  observations: Observations,
  asked: Cluster = cluster,
): Verdict {
  const status = assess(cluster, observations);
  const facts = reachableFacts(observations);
  const problems: Problem[] = [];
  const proof: string[] = [];
  const targets = verifyTargets(asked);
  const judged = verifyTargets(cluster).filter(
    (it) => asked === cluster || targets.some((own) => isSame(own, it)),
  );
  for (const target of judged) {
    const answers = [...facts].flatMap(([host, own]) =>
      heldBy(cluster, own).has(target.address)
        ? []
        : answersTo(target, own, targets).map((answer) => ({ host, answer })),
    );
    // A config_file's ports are known from the answers alone: each is judged as a target of its own.
    const ports =
      target.kind === 'auto' && answers.length > 0
        ? [...new Set(answers.map((it) => it.answer.target.port))]
        : [target.port];
    for (const port of ports) {
      const own = target.kind === 'auto' ? answers.filter((it) => it.answer.target.port === port) : answers;
      const problem = problemOf({ ...target, port }, own, cluster, facts.size);
      if (problem !== null) problems.push(problem);
      else proof.push(proofOf({ ...target, port }, own));
    }
  }
  if (problems.length === 0) return { status, proof };
  const served = status.state === 'healthy' || status.state === 'degraded';
  const silent = problems.some((problem) => problem.code === 'no_answer');
  const state = !served ? status.state : silent ? 'down' : 'degraded';
  return { status: { ...status, state, problems: [...status.problems, ...problems] }, proof };
}

interface Asked {
  readonly host: string;
  readonly answer: Answer;
}

function isSame(answered: Target, target: Target): boolean {
  return (
    answered.address === target.address &&
    answered.frontend === target.frontend &&
    (target.kind === 'auto' || answered.port === target.port)
  );
}

function answersTo(target: Target, facts: Facts, targets: readonly Target[]): Answer[] {
  try {
    return facts.need(throughVipProbe(targets)).filter((it) => isSame(it.target, target));
  } catch (error) {
    if (error instanceof UnknownFact) return [];
    throw error;
  }
}

function label(target: Target): string {
  if (target.kind === 'auto')
    return target.port === 0 ? `HAProxy on ${target.address}` : `port ${target.port} on ${target.address}`;
  return `frontend ${target.frontend} on ${target.address}:${target.port}`;
}

function problemOf(
  target: Target,
  asked: readonly Asked[],
  cluster: Cluster,
  reachable: number,
): Problem | null {
  if (asked.length === 0) {
    const message = `${label(target)} was not asked through the virtual address: no host that does not hold it could ask`;
    return reachable < cluster.hosts.length ? null : { code: 'not_verified', message, host: null };
  }
  const silent = asked.find(({ answer }) => !answer.connected);
  if (silent !== undefined) {
    return {
      code: 'no_answer',
      message: `${label(target)} does not answer ${silent.host} through the virtual address`,
      host: silent.host,
    };
  }
  const wanted = cluster.verify.status;
  const bad = asked.find(({ answer: { status, server } }) =>
    status === null
      ? false
      : wanted !== null
        ? status !== wanted
        : NO_SERVER.includes(status) && server === null,
  );
  if (bad === undefined) return null;
  const expected = wanted === null ? 'HAProxy found no server to ask' : `${wanted} was expected`;
  return {
    code: 'no_answer',
    message: `${label(target)} answers ${bad.answer.status} to ${bad.host}: ${expected}`,
    host: bad.host,
  };
}

function proofOf(target: Target, asked: readonly Asked[]): string {
  const hosts = [...new Set(asked.map(({ host }) => host))].join(', ');
  const servers = [...new Set(asked.flatMap(({ answer }) => answer.server ?? []))].sort();
  const who = servers.length > 0 ? `: answered by ${servers.join(', ')}` : '';
  return asked.length === 0
    ? `${label(target)}: not asked, a host is out of reach`
    : `${label(target)} answers ${hosts}${who}`;
}

/** Milliseconds between two questions for who holds what. */
const HOLDER_PAUSE = 100;

/**
 * Waits until every address is held somewhere. To ask through an address that nobody holds yet takes seconds,
 * to ask for the holder takes one short round trip.
 */
async function untilHeld(
  addresses: readonly string[],
  {
    cluster,
    connected,
    deadline,
    signal,
  }: {
    readonly cluster: Cluster;
    readonly connected: Connected;
    readonly deadline: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  while (!signal.aborted && Date.now() < deadline) {
    const facts = reachableFacts(await observeAll(connected, () => [networkProbe]));
    const held = new Set([...facts.values()].flatMap((it) => [...heldBy(cluster, it)]));
    if (facts.size < connected.sessions.size || addresses.every((address) => held.has(address))) return;
    await new Promise((resolve) => setTimeout(resolve, HOLDER_PAUSE));
  }
}

export interface VerifyOptions {
  /** Addresses that were held a moment ago: nobody needs to wait for them. */
  readonly held?: ReadonlySet<string>;
  /** What a host is told with the first look. */
  readonly first?: (host: string) => ObserveOptions['first'];
}

/** Looks until the pair is healthy or has had its time to settle, then says what it saw last. */
export async function verify(
  cluster: Cluster,
  connected: Connected,
  signal: AbortSignal,
  { held = new Set(), first }: VerifyOptions = {},
): Promise<Verdict> {
  const deadline = Date.now() + settleLimit(cluster) * 1000;
  const probes = [...statusProbes(cluster), throughVipProbe(verifyTargets(cluster))];
  const addresses = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  if (!addresses.every((address) => held.has(address)))
    await untilHeld(addresses, { cluster, connected, deadline, signal });
  for (let looks = 0; ; looks++) {
    const observations = await observeAll(
      connected,
      () => probes,
      (host) => {
        const told = looks === 0 ? first?.(host) : undefined;
        return told === undefined ? {} : { first: told };
      },
    );
    const verdict = judgeVerification(cluster, observations);
    const gone = [...observations.values()].some((it) => !it.reachable);
    if (verdict.status.state === 'healthy' || gone || signal.aborted || Date.now() > deadline) {
      return verdict;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
