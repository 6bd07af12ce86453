import type { Cluster } from '../inventory/model.js';
import { CHECK_FIRST } from '../resources/check-first.js';
import { handlerStep } from '../resources/handlers.js';
import { serviceProbe } from '../resources/probes/service.js';
import { START_KEEPALIVED } from '../resources/service.js';
import { startAsHolder } from '../resources/take-over.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import type { Batch, WorkItem } from './types.js';

const RUNS = ['active', 'reloading', 'activating', 'deactivating'];

/**
 * Where keepalived runs on no host of the cluster, the first one to start it waits for adverts that cannot come, three
 * of their intervals long. Nobody is there to be asked, so the preferred host takes the addresses at once, and the
 * others, which do wait for its adverts, start beside it. Their files are written before: what is listened to on the
 * network before a start need not be waited for.
 * @param facts of every host that answered; one that did not may hold what nobody else does
 */
export function firstHolderAtOnce(
  batches: readonly Batch[],
  cluster: Cluster,
  facts: ReadonlyMap<string, Facts>,
): Batch[] {
  const isQuiet = cluster.hosts.every(({ name }) => isStopped(facts.get(name)));
  const first = batches.findIndex((batch) => batch.work.some(({ items }) => items.some(starts)));
  const preferred = batches[first];
  if (!isQuiet || preferred?.work.length !== 1) return [...batches];
  const after = batches.slice(first).findIndex(({ play }) => play !== preferred.play);
  const end = after < 0 ? batches.length : first + after;
  const all = batches.slice(first, end).flatMap(({ work }) => work);
  const files = all
    .map(({ host, items }) => ({
      host,
      items: [...items.slice(0, startAt(items)), ...items.slice(startAt(items)).flatMap(checkAhead)],
    }))
    .filter(({ items }) => items.length > 0);
  const rest = all
    .map(({ host, items }, index) => {
      const left = items.slice(startAt(items));
      return { host, items: index === 0 ? left.flatMap((item) => atOnce(item, cluster)) : left };
    })
    .filter(({ items }) => items.length > 0);
  return [
    ...batches.slice(0, first),
    ...(files.length > 0 ? [{ play: preferred.play, work: files, gates: [], filesOnly: true } as const] : []),
    { ...preferred, work: rest },
    ...batches.slice(end),
  ];
}

/** Whether the check works is found out everywhere before anything starts anywhere. */
function checkAhead({ steps }: WorkItem): WorkItem[] {
  const checks = steps.filter(({ title }) => title === CHECK_FIRST);
  return checks.length === 0
    ? []
    : [{ resource: CHECK_FIRST, title: CHECK_FIRST, steps: checks, change: null }];
}

function isStopped(facts: Facts | undefined): boolean {
  try {
    return facts !== undefined && !RUNS.includes(facts.need(serviceProbe('keepalived')).active);
  } catch (error) {
    if (!(error instanceof UnknownFact)) throw error;
    return false;
  }
}

/** Where the item is that starts keepalived; behind the last one where none does. */
function startAt(items: readonly WorkItem[]): number {
  const at = items.findIndex(starts);
  return at < 0 ? items.length : at;
}

function starts({ steps }: WorkItem): boolean {
  return steps.includes(START_KEEPALIVED);
}

function atOnce(item: WorkItem, cluster: Cluster): WorkItem[] {
  if (!starts(item)) return [item];
  const steps = item.steps.map((it) => (it === START_KEEPALIVED ? startAsHolder(cluster) : it));
  const name = 'reload keepalived';
  return [
    { ...item, steps },
    { resource: name, title: name, steps: [handlerStep(name, cluster, { checked: true })], change: null },
  ];
}
