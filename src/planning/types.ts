import type { Diagnostic } from '../base/diagnostic.js';
import type { GateName } from '../playbook/model.js';
import type { Change, Step } from '../resources/types.js';

/** One change or handler on one host, in the order in which it runs. */
export interface WorkItem {
  /** The resource, or the handler's name (`reload haproxy`). */
  readonly resource: string;
  readonly title: string;
  readonly steps: readonly Step[];
  /** null for a handler. */
  readonly change: Change | null;
}

export interface HostWork {
  readonly host: string;
  readonly items: readonly WorkItem[];
}

/** Hosts that are changed at the same time; its gates hold before the next batch begins. */
export interface Batch {
  readonly play: string;
  readonly work: readonly HostWork[];
  readonly gates: readonly GateName[];
}

export interface PlannedChange {
  readonly host: string;
  readonly change: Change;
}

/** What would be done to one cluster: a value. An `error` plan cannot be executed. */
export interface ClusterPlan {
  readonly cluster: string;
  readonly status: 'noop' | 'changes' | 'error';
  readonly changes: readonly PlannedChange[];
  readonly batches: readonly Batch[];
  readonly problems: readonly Diagnostic[];
}
