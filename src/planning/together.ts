import { sh } from '../base/shell.js';
import type { Play } from '../playbook/model.js';
import type { Step } from '../resources/types.js';
import type { PlanInput } from './plan.js';
import type { Batch, HostWork, WorkItem } from './types.js';

const SYSTEMCTL_LIMIT = 70;

function item(verb: 'stop' | 'start'): WorkItem {
  const steps: Step[] = [
    {
      title: `systemctl ${verb} keepalived`,
      script: sh`timeout -k 5 60 systemctl ${verb} keepalived`,
      limit: SYSTEMCTL_LIMIT,
    },
  ];
  return { resource: `${verb} keepalived`, title: `${verb} keepalived`, steps, change: null };
}

/**
 * A change that hosts must agree on: with one of them changed, both would hold the addresses. So keepalived is
 * stopped on every standby, the standbys are changed, then the active host, and the standbys start again. In
 * between the active host serves alone.
 */
export function keepalivedTogether(play: Play, ordered: readonly HostWork[], input: PlanInput): Batch[] {
  const standbys = input.cluster.hosts.map((host) => host.name).filter((host) => !input.holders.has(host));
  const workOf = (host: string) => ordered.find((it) => it.host === host)?.items ?? [];
  const quiet = standbys.map((host) => ({
    host,
    // Neither started nor reloaded here: it would not understand the active host yet.
    // Stopped last: a file that keepalived refuses leaves it running as it was.
    items: [...workOf(host).filter((it) => !startsKeepalived(it)), item('stop')],
  }));
  const active = ordered.filter((it) => input.holders.has(it.host));
  const again = standbys.map((host) => ({
    host,
    items: [...workOf(host).filter((it) => it.change?.resource === 'service:keepalived'), item('start')],
  }));
  return [
    { play: play.name, work: quiet, gates: [] },
    ...active.map((work) => ({ play: play.name, work: [work], gates: play.gates })),
    { play: play.name, work: again, gates: play.gates },
  ].filter((batch) => batch.work.length > 0);
}

function startsKeepalived(it: WorkItem): boolean {
  return it.resource === 'reload keepalived' || it.change?.resource === 'service:keepalived';
}
