import type { Diagnostic } from '../base/diagnostic.js';
import type { GateName } from '../playbook/model.js';
import type { Change, Step } from '../resources/types.js';
import type { Classed } from './classes.js';
import type { Fitness } from './fitness.js';

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
  /** What must hold of another host before one that serves is changed; left out: that it is fit. */
  readonly peers?: Fitness;
  /** Writes files of a service that does not run, and starts nothing. */
  readonly filesOnly?: true;
  /** Part of a change that hosts make together: in it no host goes back by itself, alone. */
  readonly flip?: true;
}

export interface PlannedChange extends Classed {
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
