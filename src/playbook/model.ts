import type { SourceSpan } from '../base/diagnostic.js';
import type { OwnTask } from '../resources/own-task.js';
import type { HandlerName, Watch } from '../resources/types.js';

export const ORDERS = ['parallel', 'standby-first'] as const;
export type Order = (typeof ORDERS)[number];

export const GATES = ['haproxy-serving', 'keepalived-settled', 'one-holder-per-vip'] as const;
export type GateName = (typeof GATES)[number];

export interface Task {
  readonly name: string;
  /** A key of RESOURCE_TYPES, or the type of an operator's own task. */
  readonly type: string;
  readonly args: Readonly<Record<string, string>>;
  readonly notify: readonly HandlerName[];
  /** An operator's own task: what it asks for. */
  readonly own?: OwnTask;
  /** Of a service: the files whose tasks notify it. */
  readonly watches?: readonly Watch[];
  readonly source: SourceSpan;
}

export interface Play {
  readonly name: string;
  readonly order: Order;
  readonly tasks: readonly Task[];
  readonly gates: readonly GateName[];
}

export type Playbook = readonly Play[];
