import { type Command, raw, sh } from '../base/shell.js';
import type { Play } from '../playbook/model.js';
import { FLIP_MARK } from '../render/platform.js';
import { withoutLeftovers } from '../resources/leftovers.js';
import { fileProbe } from '../resources/probes/file.js';
import { serviceProbe } from '../resources/probes/service.js';
import { takeOverStep } from '../resources/take-over.js';
import { type Facts, type Step, UnknownFact } from '../resources/types.js';
import type { PlanInput } from './plan.js';
import type { Batch, HostWork, WorkItem } from './types.js';

const SYSTEMCTL_LIMIT = 70;

function item(verb: 'stop' | 'start', { before, after }: { before?: Command; after?: Command }): WorkItem {
  const steps: Step[] = [
    {
      title: `systemctl ${verb} keepalived`,
      script: sh`${before ?? raw(':')}
timeout -k 5 60 systemctl ${verb} keepalived || exit $?
${after ?? raw(':')}`,
      limit: SYSTEMCTL_LIMIT,
    },
  ];
  return { resource: `${verb} keepalived`, title: `${verb} keepalived`, steps, change: null };
}

/**
 * Until it is started again here it must not start by itself, after a reboot in the middle of this for example. Before the
 * first file is changed: the new one would be what it starts with. Where keepalived refuses that file it runs on as it
 * was, and the mark goes with the lock.
 */
const HOLD: Step = {
  title: 'keep keepalived from starting by itself',
  script: sh`: >${FLIP_MARK}`,
  limit: 10,
};

function held([first, ...rest]: readonly [WorkItem, ...WorkItem[]]): WorkItem[] {
  return [{ ...first, steps: [HOLD, ...first.steps] }, ...rest];
}

/** Hosts where keepalived was stopped for such a change and waits for a run that brings it to its end. */
export function waitingHosts(facts: PlanInput['facts']): Set<string> {
  return new Set([...facts].filter(([, it]) => waits(it)).map(([host]) => host));
}

function waits(facts: Facts): boolean {
  try {
    const { active } = facts.need(serviceProbe('keepalived'));
    return active !== 'active' && facts.need(fileProbe(FLIP_MARK)).kind !== 'missing';
  } catch (error) {
    if (error instanceof UnknownFact) return false;
    throw error;
  }
}

/**
 * A change that hosts must agree on: with one of them changed, both would hold the addresses. So one active host
 * goes on alone: keepalived is stopped on all others (where several are active, their addresses move to that one),
 * they are changed, then it is, and the others start again.
 */
export function keepalivedTogether(play: Play, ordered: readonly HostWork[], input: PlanInput): Batch[] {
  const hosts = input.cluster.hosts.map((host) => host.name);
  const keeper = hosts.find((host) => input.holders.has(host));
  const others = hosts.filter((it) => it !== keeper && input.facts.has(it) && input.limit.has(it));
  const workOf = (host: string) => ordered.find((it) => it.host === host)?.items ?? [];
  const quiet = others.map((host) => ({
    host,
    // Neither started nor reloaded here: it would not understand the active host yet.
    // Stopped last: a file that keepalived refuses leaves it running as it was.
    // A keepalived that was killed has left its addresses on the host, and one that does not run takes none away.
    items: held(before(workOf(host), item('stop', { after: withoutLeftovers(input.cluster) }))),
  }));
  const active = ordered
    .filter((it) => it.host === keeper)
    .map(({ host, items }) => ({ host, items: items.flatMap((it) => withTakeOver(it, items, input)) }));
  const again = others.map((host) => ({
    host,
    items: [
      ...workOf(host).filter((it) => it.change?.resource === 'service:keepalived'),
      item('start', { before: sh`rm -f ${FLIP_MARK}` }),
    ],
  }));
  const batches: Batch[] = [
    { play: play.name, work: quiet, gates: [], flip: true },
    ...active.map((work): Batch => ({ play: play.name, work: [work], gates: play.gates, flip: true })),
    { play: play.name, work: again, gates: play.gates, flip: true },
  ];
  return batches.filter((batch) => batch.work.length > 0);
}

/** Before keepalived reads what makes it start anew: it takes the addresses at once, since nobody else is there. */
function withTakeOver(it: WorkItem, items: readonly WorkItem[], { cluster, facts }: PlanInput): WorkItem[] {
  // With others waiting, what it has missed may be anything.
  const anew = waitingHosts(facts).size > 0 || items.some(({ change }) => change?.coordination === 'anew');
  if (it.resource !== 'reload keepalived' || !anew) return [it];
  const step = takeOverStep(cluster);
  return [{ resource: 'take over at once', title: step.title, steps: [step], change: null }, it];
}

function before(work: readonly WorkItem[], stop: WorkItem): [WorkItem, ...WorkItem[]] {
  const [first, ...rest] = work.filter((it) => !startsKeepalived(it));
  return first === undefined ? [stop] : [first, ...rest, stop];
}

function startsKeepalived(it: WorkItem): boolean {
  return it.resource === 'reload keepalived' || it.change?.resource === 'service:keepalived';
}
