import type { Cluster } from '../inventory/model.js';
import { HAPROXY_CFG } from '../render/platform.js';
import { DAEMON_RELOAD, handlerService, handlerStep, type Reloading } from '../resources/handlers.js';
import { isBound } from '../resources/ports-free.js';
import { listenersProbe } from '../resources/probes/listeners.js';
import { serviceProbe } from '../resources/probes/service.js';
import { type Change, type Facts, HANDLERS, type HandlerName, UnknownFact } from '../resources/types.js';
import type { WorkItem } from './types.js';

export interface Decided {
  readonly change: Change;
  readonly notify: readonly HandlerName[];
}

/** The changes in their order, then the handlers they notified, each once, in the handlers' own order. */
export function workItems(decided: readonly Decided[], cluster: Cluster, facts: Facts): WorkItem[] {
  const notified = [...new Set(decided.flatMap(({ notify }) => notify))];
  // A service that starts after the last change that it was to be told of has read all of them.
  const superfluous = (name: HandlerName) =>
    decided.findLastIndex(({ notify }) => notify.includes(name)) <=
    decided.findLastIndex(({ change }) => change.starts.includes(handlerService(name)));
  const ours = HANDLERS.filter((name) => notified.includes(name));
  const own = notified.filter((name) => !HANDLERS.some((it) => it === name));
  const handlers = [...ours, ...own].filter((name) => !superfluous(name));
  const items = [
    ...decided
      .filter(({ change }) => change.steps.length > 0)
      .map(
        ({ change }): WorkItem => ({
          resource: change.resource,
          title: change.title,
          steps: change.steps,
          change,
        }),
      ),
    ...handlers.map(
      (name): WorkItem => ({
        resource: name,
        title: name,
        steps: [handlerStep(name, cluster, reloading(name, decided, cluster, facts))],
        change: null,
      }),
    ),
  ];
  // Of a change that hosts make together the batches come apart, with stops in between that go by the drop-in.
  if (decided.some(({ change }) => change.coordination !== 'independent')) return items;
  return items.map((item, at) => withoutSpareReload(item, items.slice(at + 1)));
}

/** What only writes files. */
const WRITES = /^(?:(?:haproxy|keepalived)_config|(?:check|takeover)_script|systemd_dropin:.*)$/;

/** Where the next thing that is done makes systemd read its units, a reload for a drop-in before it takes a moment for nothing. */
function withoutSpareReload(item: WorkItem, later: readonly WorkItem[]): WorkItem {
  const next = later.find(({ resource }) => !WRITES.test(resource));
  if (!item.resource.startsWith('systemd_dropin:') || next?.steps[0]?.rereadsUnits !== true) return item;
  return { ...item, steps: item.steps.filter((it) => it !== DAEMON_RELOAD) };
}

function reloading(
  name: HandlerName,
  decided: readonly Decided[],
  cluster: Cluster,
  facts: Facts,
): Reloading {
  const checked = isChecked(name, decided);
  // Else what is known now may have changed by then.
  if (!checked || name !== 'reload haproxy') return { checked };
  try {
    const unit = facts.need(serviceProbe('haproxy')).reload;
    return { checked, bound: isBound(cluster, facts.need(listenersProbe)), unit };
  } catch (error) {
    if (error instanceof UnknownFact) return { checked };
    throw error;
  }
}

/**
 * Whether a step of the same work has the service's own program check all that the service is to read anew: its
 * configuration is all that asks for the handler.
 */
function isChecked(name: HandlerName, decided: readonly Decided[]): boolean {
  return decided
    .filter(({ notify }) => notify.includes(name))
    .every(
      ({ change }) =>
        change.resource === 'haproxy_config' && change.steps.some(({ ahead }) => ahead?.path === HAPROXY_CFG),
    );
}
