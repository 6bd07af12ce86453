import type { Cluster } from '../inventory/model.js';
import { handlerStep } from '../resources/handlers.js';
import { serviceProbe } from '../resources/probes/service.js';
import { START_KEEPALIVED } from '../resources/service.js';
import { startAsHolder } from '../resources/take-over.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import type { Batch, WorkItem } from './types.js';

const RUNS = ['active', 'reloading', 'activating', 'deactivating'];

/**
 * Where keepalived runs on no host of the cluster, the first one to start it waits for adverts that cannot come, three
 * of their intervals long. Nobody is there to be asked, so it takes the addresses at once.
 * @param facts of every host that answered; one that did not may hold what nobody else does
 */
export function firstHolderAtOnce(
  batches: readonly Batch[],
  cluster: Cluster,
  facts: ReadonlyMap<string, Facts>,
): Batch[] {
  const isQuiet = cluster.hosts.every(({ name }) => isStopped(facts.get(name)));
  const first = batches.findIndex((batch) => batch.work.some(({ items }) => items.some(starts)));
  if (!isQuiet || batches[first]?.work.length !== 1) return [...batches];
  return batches.map((batch, index) => {
    if (index !== first) return batch;
    const work = batch.work.map((it) => ({
      ...it,
      items: it.items.flatMap((item) => atOnce(item, cluster)),
    }));
    return { ...batch, work };
  });
}

function isStopped(facts: Facts | undefined): boolean {
  try {
    return facts !== undefined && !RUNS.includes(facts.need(serviceProbe('keepalived')).active);
  } catch (error) {
    if (!(error instanceof UnknownFact)) throw error;
    return false;
  }
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
    { resource: name, title: name, steps: [handlerStep(name, cluster)], change: null },
  ];
}
