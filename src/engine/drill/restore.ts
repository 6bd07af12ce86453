import type { Cluster } from '../../inventory/model.js';
import { assess, statusProbes } from '../assess.js';
import type { Connected } from '../connect.js';
import type { ClusterStatus } from '../documents.js';
import { observeAll } from '../observe-cluster.js';

/** Milliseconds between two looks. */
const PAUSE = 200;

/** Looks until the pair is healthy or `seconds` are over; says what it saw last. */
export async function untilHealthy(
  cluster: Cluster,
  connected: Connected,
  seconds: number,
): Promise<ClusterStatus> {
  const deadline = performance.now() + seconds * 1000;
  const probes = statusProbes(cluster);
  for (;;) {
    const status = assess(cluster, await observeAll(connected, () => probes, { limit: 20 }));
    if (status.state === 'healthy' || performance.now() > deadline) return status;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
