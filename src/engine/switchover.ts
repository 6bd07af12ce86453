import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT } from '../base/exit-codes.js';
import type { Cluster } from '../inventory/model.js';
import { whyUnfit } from '../planning/fitness.js';
import { preferredHost } from '../render/keepalived.js';
import { keepalivedProbe } from '../resources/probes/keepalived.js';
import type { Facts } from '../resources/types.js';
import { UnknownFact } from '../resources/types.js';
import { type Observations, statusProbes } from './assess.js';
import { closeAll, connectAll } from './connect.js';
import { finish } from './finish.js';
import { lockFor } from './lock-for.js';
import { belowOne, giveBack, type Moving, moveAway } from './move.js';
import { letsGo } from './move-scripts.js';
import { type ClusterInput, heldBy, reachableFacts } from './prepare.js';
import { type ClusterResult, Recap } from './recap.js';
import { verify } from './verify.js';

export interface SwitchoverInput extends Omit<ClusterInput, 'playbook' | 'authPass'> {
  readonly who: string;
  readonly command: string;
  readonly lockWait: number;
  /** A host's name; `back`: where they belong; null: the next host in line. */
  readonly to: { readonly host: string } | 'back' | null;
}

/** Moves the virtual addresses of a cluster to another host, or back, and proves it. */
export async function switchOver(input: SwitchoverInput): Promise<ClusterResult> {
  const { cluster, emit, signal, force } = input;
  const recap = new Recap(input);
  const phase = (name: 'connect' | 'apply' | 'verify', state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: cluster.name, phase: name, state });
  phase('connect', 'started');
  const connected = await connectAll(cluster, input.transport, signal);
  phase('connect', connected.failures.size === 0 ? 'done' : 'failed');
  try {
    for (const error of connected.failures.values()) recap.unreachable(error);
    if (connected.failures.size > 0 && (!force || connected.sessions.size === 0))
      return recap.end(EXIT.unreachable, null, 'a host is out of reach; nothing was moved');
    const locked = await lockFor({ ...input, revertAfter: null }, connected, () => statusProbes(cluster));
    if (!locked.ok) {
      recap.diagnose(locked.error);
      return recap.end(EXIT[locked.why], null, `${locked.error.summary}; nothing was moved`);
    }
    try {
      const decided = decide(input, locked.observations);
      for (const problem of decided.problems) recap.diagnose(problem);
      if (decided.refused) return recap.end(EXIT.failed, null, 'refused; nothing was moved');
      phase('apply', 'started');
      const moving = { cluster, connected, token: locked.owner.token, signal };
      const failed = await carryOut(decided, moving, input, recap);
      phase('apply', failed === null ? 'done' : 'failed');
      if (failed !== null) return recap.end(EXIT.failed, null, failed);
      if (signal.aborted) return recap.end(EXIT.interrupted, null, 'interrupted');
      phase('verify', 'started');
      const verdict = await verify(cluster, connected, signal);
      phase('verify', verdict.status.state === 'healthy' ? 'done' : 'failed');
      return finish(input, verdict, recap);
    } finally {
      await locked.lock.release();
    }
  } finally {
    closeAll(connected);
  }
}

export interface Decision {
  readonly refused: boolean;
  readonly problems: readonly Diagnostic[];
  /** Hosts whose priority was lowered and should not be any more. */
  readonly restore: readonly string[];
  /** Hosts that are to look worse than the target by this, those first that hold nothing. */
  readonly lower: readonly { readonly host: string; readonly value: number }[];
}

/** What has to be done on which host, from what was seen under the lock. Pure. */
export function decide(
  input: Pick<SwitchoverInput, 'cluster' | 'to' | 'force' | 'limit'>,
  observations: Observations,
): Decision {
  const { cluster, to, force, limit } = input;
  const facts = reachableFacts(observations);
  const hosts = cluster.hosts.map(({ name }) => name).filter((name) => facts.has(name));
  const holding = (host: string) => holdsAny(cluster, facts.get(host));
  const lowered = (host: string) => switchoverOf(facts.get(host));
  const about = { severity: 'error', cluster: cluster.name } as const;
  const refuse = (code: string, summary: string, hint: string): Decision => ({
    refused: true,
    problems: [{ ...about, code, summary, hint }],
    restore: [],
    lower: [],
  });

  const target = to === 'back' ? homeOf(cluster) : (to?.host ?? nextInLine(cluster, hosts, holding));
  if (target === null && to !== 'back')
    return refuse('no-target', 'there is no one other host to move to', 'say which: `--to HOST`');
  const wanted = (host: string) => (to === 'back' || target === null ? 0 : belowOne(cluster, host, target));
  const lowering = hosts.filter(
    (host) =>
      host !== target &&
      ((lowered(host) !== wanted(host) && wanted(host) !== 0) ||
        // Without preemption nobody outbids a holder: it has to let go.
        (target !== null && letsGo(cluster) && holding(host))),
  );
  const restore = hosts.filter((host) => lowered(host) !== 0 && (host === target || wanted(host) === 0));
  const outside = [...lowering, ...restore].find((host) => limit !== null && !limit.has(host));
  if (outside !== undefined)
    return refuse(
      'limited',
      `this would change "${outside}", which \`--limit\` leaves out`,
      'widen `--limit`',
    );

  const problems: Diagnostic[] = [];
  if (target !== null && !holdsAll(cluster, facts.get(target))) {
    const own = facts.get(target);
    const unfit = own === undefined ? 'it is out of reach' : whyUnfit(cluster, own);
    if (unfit !== null) {
      problems.push({
        ...about,
        severity: force ? 'warning' : 'error',
        code: 'target-unfit',
        summary: `"${target}" could not take the virtual addresses over: ${unfit}`,
        hint: force
          ? 'going on because of --force: clients may be cut off until it is fit, or the move may fail'
          : '`lbctl status` says more; mend it first, or risk it with --force',
        host: target,
      });
    }
  }
  return {
    refused: problems.length > 0 && !force,
    problems,
    restore,
    lower: [...lowering]
      .sort((a, b) => Number(holding(a)) - Number(holding(b)))
      .map((host) => ({ host, value: wanted(host) })),
  };
}

/** The host where all addresses belong; null where they belong to several. */
function homeOf(cluster: Cluster): string | null {
  const homes = new Set(cluster.vrrpInstances.map(preferredHost));
  const [home] = homes;
  return homes.size === 1 ? (home ?? null) : null;
}

/** The best host that holds nothing, where exactly one holds everything. */
function nextInLine(
  cluster: Cluster,
  hosts: readonly string[],
  holding: (host: string) => boolean,
): string | null {
  if (hosts.filter(holding).length !== 1) return null;
  const [instance] = cluster.vrrpInstances;
  const rank = (host: string) => instance?.priority[host] ?? 0;
  return hosts.filter((host) => !holding(host)).sort((a, b) => rank(b) - rank(a))[0] ?? null;
}

function holdsAny(cluster: Cluster, facts: Facts | undefined): boolean {
  return facts !== undefined && heldBy(cluster, facts).size > 0;
}

/** One that holds a part of the addresses is still to take the rest over. */
function holdsAll(cluster: Cluster, facts: Facts | undefined): boolean {
  const all = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress);
  return facts !== undefined && heldBy(cluster, facts).size === all.length;
}

function switchoverOf(facts: Facts | undefined): number {
  try {
    const keepalived = facts?.need(keepalivedProbe);
    return keepalived?.running === true ? keepalived.switchover : 0;
  } catch (error) {
    if (error instanceof UnknownFact) return 0;
    throw error;
  }
}

/** Why it ended; null: everything was done. */
async function carryOut(
  { restore, lower }: Decision,
  moving: Moving,
  { cluster, emit }: Pick<SwitchoverInput, 'cluster' | 'emit'>,
  recap: Recap,
): Promise<string | null> {
  const act = async (hosts: readonly string[], title: string, work: () => Promise<Diagnostic | null>) => {
    const tell = (state: 'running' | 'done' | 'failed') => {
      for (const host of hosts) {
        emit({
          event: 'task',
          cluster: cluster.name,
          host,
          play: 'switchover',
          resource: 'switchover',
          title,
          state,
        });
      }
    };
    tell('running');
    const error = await work();
    tell(error === null ? 'done' : 'failed');
    const host = hosts[0] ?? '';
    recap.took({
      host,
      changed: error === null ? ['switchover'] : [],
      error,
      stopped: false,
      facts: null,
      lost: false,
    });
    for (const other of hosts.slice(1))
      recap.took({
        host: other,
        changed: ['switchover'],
        error: null,
        stopped: false,
        facts: null,
        lost: false,
      });
    return error?.summary ?? null;
  };
  if (restore.length > 0) {
    const failed = await act(restore, 'full priority again', () => giveBack(restore, moving));
    if (failed !== null) return failed;
  }
  for (const { host, value } of lower) {
    if (moving.signal.aborted) return null;
    const failed = await act([host], 'drain, and move the virtual addresses away', () =>
      moveAway(host, moving, value),
    );
    if (failed !== null) return failed;
  }
  return null;
}
