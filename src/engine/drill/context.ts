import type { Cluster } from '../../inventory/model.js';
import type { Connected } from '../connect.js';
import type { ClusterStatus } from '../documents.js';
import type { Emit } from '../events.js';
import { settleLimit } from '../gates.js';
import type { Fault, FaultName } from './faults.js';
import type { Prober } from './prober.js';
import type { Watch } from './watchers.js';

/** Seconds that the switch waits longer than a fault is held. */
const SWITCH_SLACK = 15;

export interface DrillContext {
  readonly cluster: Cluster;
  readonly connected: Connected;
  readonly token: string;
  readonly watch: Watch;
  readonly prober: Prober;
  readonly rate: number;
  /** The virtual address that the client asks. */
  readonly address: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface FaultInput {
  readonly name: FaultName;
  readonly fault: Fault;
  readonly method: string | null;
  readonly host: string;
  readonly repetition: number;
  /** The pair before the fault. */
  readonly before: ClusterStatus;
}

/** Seconds after which a takeover does not count any more. */
export function takeoverLimit(cluster: Cluster): number {
  return settleLimit(cluster) + 2;
}

/** Seconds after which a host mends itself, whatever became of lbctl. */
export function switchSeconds(cluster: Cluster): number {
  return takeoverLimit(cluster) + SWITCH_SLACK;
}

/** The virtual addresses that a host held. */
export function heldBefore({ virtual_ips }: ClusterStatus, host: string): string[] {
  return virtual_ips.filter(({ holders }) => holders.includes(host)).map(({ address }) => address);
}

/** Who holds the first virtual address. */
export function activeHost({ virtual_ips, hosts }: ClusterStatus): string {
  return virtual_ips[0]?.holders[0] ?? hosts[0]?.name ?? '';
}
