import { type Command, raw, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import type { Play } from '../playbook/model.js';
import { FLIP_MARK } from '../render/platform.js';
import { withoutLeftovers } from '../resources/leftovers.js';
import { takeOverStep } from '../resources/take-over.js';
import type { Step } from '../resources/types.js';
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
 * Until it is started again here it must not start by itself, after a reboot in the middle of this for example.
 * A keepalived that was killed has left its addresses on the host, and one that does not run takes none away.
 */
function keepQuiet(cluster: Cluster): Command {
  return sh`: >${FLIP_MARK} || exit 1
${withoutLeftovers(cluster)}`;
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
    items: [
      ...workOf(host).filter((it) => !startsKeepalived(it)),
      item('stop', { after: keepQuiet(input.cluster) }),
    ],
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
  return [
    { play: play.name, work: quiet, gates: [] },
    ...active.map((work) => ({ play: play.name, work: [work], gates: play.gates })),
    { play: play.name, work: again, gates: play.gates },
  ].filter((batch) => batch.work.length > 0);
}

/** Before keepalived reads what makes it start anew: it takes the addresses at once, since nobody else is there. */
function withTakeOver(it: WorkItem, items: readonly WorkItem[], { cluster }: PlanInput): WorkItem[] {
  const anew = items.some(({ change }) => change?.coordination === 'anew');
  if (it.resource !== 'reload keepalived' || !anew) return [it];
  const step = takeOverStep(cluster);
  return [{ resource: 'take over at once', title: step.title, steps: [step], change: null }, it];
}

function startsKeepalived(it: WorkItem): boolean {
  return it.resource === 'reload keepalived' || it.change?.resource === 'service:keepalived';
}
