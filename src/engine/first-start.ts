import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster, Host } from '../inventory/model.js';
import type { Batch, ClusterPlan } from '../planning/types.js';
import { networkProbe } from '../resources/probes/network.js';
import type { Facts, Probe } from '../resources/types.js';
import { advertPaths, type Rehearsing, rehearseAdverts } from './adverts.js';
import type { Connected } from './connect.js';
import { know } from './facts.js';
import type { FormerMember } from './former-members.js';
import { observeAll } from './observe-cluster.js';
import { heardProblems, type PreflightQuestion, preflightFor, quickProblems } from './preflight.js';
import { type ClusterInput, heldBy, observeOptions } from './prepare.js';

/** Whether the hosts hear each other, tried once keepalived is installed. */
export interface Adverts {
  /** Begins to try, unless that was done. */
  begin(): void;
  /** What was found; the second call has nothing to add. */
  heard(): Promise<readonly Diagnostic[]>;
  /** Resolves when nothing of it runs on a host. */
  ended(): Promise<void>;
}

export interface FirstStart {
  /** An error plan where the first glance forbids the start. */
  readonly plan: ClusterPlan;
  readonly listening: Promise<readonly Diagnostic[]> | null;
  readonly adverts: Adverts | null;
}

/** What neither installs keepalived nor lets its adverts through; an operator's own task may do anything. */
const FILES_AND_HAPROXY =
  /^(?:takeover_script|check_script|(?:haproxy|keepalived)_config|systemd_dropin:(?:haproxy|keepalived)|service:haproxy|reload haproxy|try the check of HAProxy)$/;
const KEEPALIVED = /^(?:keepalived_config|service:keepalived)$/;

/** True for a batch beside which adverts can be tried: it leaves alone what they depend on. */
export function leavesGroundAlone(batch: Batch): boolean {
  const resources = batch.work.flatMap(({ items }) => items.map(({ resource }) => resource));
  return resources.every((it) => FILES_AND_HAPROXY.test(it));
}

/** True for the batch that puts keepalived to work. */
export function startsKeepalived(batch: Batch): boolean {
  if (batch.filesOnly) return false;
  return batch.work.some(({ items }) => items.some(({ change }) => KEEPALIVED.test(change?.resource ?? '')));
}

/** Hosts on which the plan starts a keepalived that does not run: one that is new, was rebuilt, or was stopped. */
function joining({ changes }: ClusterPlan): Set<string> {
  const starting = changes.filter(({ change }) => change.starts.includes('keepalived'));
  return new Set(starting.map(({ host }) => host));
}

/**
 * Looks at the network before keepalived is started for addresses that no host of the cluster holds yet, or on a host beside
 * a peer that may hold them. What is known within a second decides at once; the ears stay open while packages install.
 */
export async function lookBeforeFirstStart(
  input: ClusterInput & { readonly former: readonly FormerMember[] },
  connected: Connected,
  facts: ReadonlyMap<string, Facts>,
  plan: ClusterPlan,
): Promise<FirstStart> {
  const { cluster, emit } = input;
  if (plan.status !== 'changes' || !plan.changes.some(({ change }) => KEEPALIVED.test(change.resource))) {
    return { plan, listening: null, adverts: null };
  }
  const questions = questionsFor(cluster, facts, { joins: joining(plan), former: input.former });
  if (questions.size === 0) return { plan, listening: null, adverts: null };
  emit({ event: 'phase', cluster: cluster.name, phase: 'preflight', state: 'started' });
  const ask = (probes: (question: PreflightQuestion) => readonly Probe<unknown>[], judge: Judge) =>
    askAll(input, connected, questions, probes, judge);
  // A host that has left the inventory and still runs is no stranger.
  const own = new Set([...ownAddresses(cluster, facts), ...input.former.flatMap((it) => it.addresses)]);
  const listening = ask(
    ({ listen }) => [listen],
    (host, question, answers) => heardProblems(cluster, host, question, answers, own),
  );
  const problems = await ask(
    ({ quick, needs }) => [quick, ...needs, networkProbe],
    (host, question, answers) => quickProblems(cluster, host, question, answers, ownMacs(facts)),
  );
  const refused = problems.some((it) => it.severity === 'error');
  emit({ event: 'phase', cluster: cluster.name, phase: 'preflight', state: refused ? 'failed' : 'done' });
  const known = { ...plan, problems: [...plan.problems, ...problems] };
  if (!refused) return { plan: known, listening, adverts: advertsOf(input, connected, facts, plan) };
  return {
    plan: withHeard({ ...known, status: 'error', batches: [] }, await listening),
    listening: null,
    adverts: null,
  };
}

/**
 * A host of the cluster that answers by now has got the address since it was looked at: somebody else builds the pair, and
 * the lock says who.
 */
function ownMacs(facts: ReadonlyMap<string, Facts>): Set<string> {
  const interfaces = [...facts.values()].flatMap((it) => know(it, networkProbe) ?? []);
  return new Set(interfaces.flatMap(({ mac }) => mac ?? []));
}

function advertsOf(
  input: ClusterInput,
  connected: Connected,
  facts: ReadonlyMap<string, Facts>,
  plan: ClusterPlan,
): Adverts | null {
  const { cluster } = input;
  const paths = advertPaths(cluster, facts);
  // A host that is out of reach cannot be heard; a part of the pair is no rehearsal.
  if (paths.length === 0 || cluster.hosts.some(({ name }) => !connected.sessions.has(name))) return null;
  const later = openedLater(plan);
  let trying: Rehearsing | null = null;
  let isTold = false;
  const begin = (): Rehearsing => {
    if (trying === null) {
      trying = rehearseAdverts(cluster, connected.sessions, paths);
      trying.told.catch(() => {});
      trying.ended.catch(() => {});
    }
    return trying;
  };
  const isCertain = ({ host = '' }: Diagnostic) => !input.force && !later.has(host);
  return {
    begin: () => void begin(),
    async heard() {
      if (isTold) return [];
      isTold = true;
      const problems = await begin().told;
      return problems.map((it) => (isCertain(it) ? it : { ...it, severity: 'warning' }));
    },
    ended: async () => void (await trying?.ended.catch(() => {})),
  };
}

/**
 * Hosts whose firewall this plan changes only after keepalived was started elsewhere: a holder waits until a peer could take
 * over, so what it does not hear yet is no reason to refuse that.
 */
function openedLater({ batches }: ClusterPlan): Set<string> {
  const after = batches.slice(batches.findIndex(startsKeepalived));
  const opened = after.flatMap(({ work }) =>
    work.filter(({ items }) => items.some(({ resource }) => resource === 'firewall')),
  );
  return new Set(opened.map(({ host }) => host));
}

/** The plan with what was heard: an error plan where a foreign speaker forbids the start. */
export function withHeard(plan: ClusterPlan, heard: readonly Diagnostic[]): ClusterPlan {
  const refused = heard.some((it) => it.severity === 'error');
  const problems = [...plan.problems, ...heard];
  return refused ? { ...plan, status: 'error', batches: [], problems } : { ...plan, problems };
}

type Judge = (host: Host, question: PreflightQuestion, answers: Facts) => Diagnostic[];

async function askAll(
  input: ClusterInput,
  connected: Connected,
  questions: ReadonlyMap<string, PreflightQuestion>,
  probes: (question: PreflightQuestion) => readonly Probe<unknown>[],
  judge: Judge,
): Promise<Diagnostic[]> {
  const sessions = new Map([...connected.sessions].filter(([host]) => questions.has(host)));
  const answers = await observeAll(
    { sessions, failures: new Map() },
    (host) => {
      const question = questions.get(host);
      return question === undefined ? [] : probes(question);
    },
    observeOptions(input),
  );
  const problems = input.cluster.hosts.flatMap((host): Diagnostic[] => {
    const question = questions.get(host.name);
    const answer = answers.get(host.name);
    if (question === undefined || answer === undefined) return [];
    return answer.reachable ? judge(host, question, answer.facts) : [answer.error];
  });
  // `--force` does what safety refuses, after saying what it risks.
  return input.force ? problems.map((it) => ({ ...it, severity: 'warning' })) : problems;
}

function questionsFor(
  cluster: Cluster,
  facts: ReadonlyMap<string, Facts>,
  { joins, former }: { readonly joins: ReadonlySet<string>; readonly former: readonly FormerMember[] },
): Map<string, PreflightQuestion> {
  const elsewhere = former.flatMap((it) => [...it.holds]);
  const held = new Set([...[...facts.values()].flatMap((it) => [...heldBy(cluster, it)]), ...elsewhere]);
  const all = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  const unheld = new Set(all.filter((address) => !held.has(address)));
  return new Map(
    cluster.hosts.flatMap((host) => {
      const own = facts.get(host.name);
      const question =
        own === undefined ? null : preflightFor(cluster, host, own, { unheld, joins: joins.has(host.name) });
      return question === null ? [] : [[host.name, question] as const];
    }),
  );
}

/** Every address of every host that was reached: VRRP over IPv6 speaks from link-local ones. */
function ownAddresses(cluster: Cluster, facts: ReadonlyMap<string, Facts>): Set<string> {
  const interfaces = [...facts.values()].flatMap((it) => it.need(networkProbe));
  const found = interfaces.flatMap((it) => it.addresses.map((own) => own.address));
  return new Set([...cluster.hosts.map((host) => host.address), ...found]);
}
