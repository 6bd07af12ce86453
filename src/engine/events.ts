import type { Diagnostic } from '../base/diagnostic.js';
import type { ChangeClass } from '../planning/classes.js';
import type { FaultResult } from './documents.js';

/** One line of a plan, as users see it. `diff` is a unified diff with secrets hidden; null where none applies. */
export interface ChangeSummary {
  readonly host: string;
  /** `TYPE` or `TYPE:NAME`, for example `haproxy_config`, `service:haproxy`. */
  readonly resource: string;
  readonly verb: 'create' | 'update' | 'delete';
  readonly reason: string;
  readonly diff: string | null;
  readonly class: ChangeClass;
  /** What clients may notice of it. */
  readonly interruption: string;
}

export type Phase = 'connect' | 'observe' | 'preflight' | 'lock' | 'keep' | 'apply' | 'verify' | 'rollback';

/** `impossible`: it cannot be made on that host. */
export type FaultState =
  | 'arming'
  | 'made'
  | 'noticed'
  | 'taken-over'
  | 'undoing'
  | 'restored'
  | 'failed'
  | 'impossible';

export type HostOutcome = 'ok' | 'changed' | 'failed' | 'unreachable' | 'skipped';

export interface HostRecap {
  readonly status: HostOutcome;
  readonly changed: readonly string[];
  readonly error: string | null;
  /** Only where a run that failed put the host back to what it was. */
  readonly rolled_back?: true;
}

export interface ClusterRecap {
  readonly ok: boolean;
  /** What `status` calls it after the run; null where it was not verified. */
  readonly state: string | null;
  readonly error: string | null;
}

/**
 * Everything that a run tells, in the order in which it happens. Every reporter is a function of these and
 * nothing else. `host` is the host's name within its cluster; `null` concerns the whole cluster.
 */
export type RunEvent =
  | {
      readonly event: 'run';
      readonly command: string;
      readonly inventory: string;
      readonly clusters: readonly { readonly name: string; readonly hosts: readonly string[] }[];
    }
  | {
      readonly event: 'phase';
      readonly cluster: string;
      readonly phase: Phase;
      readonly state: 'started' | 'done' | 'failed';
      readonly detail?: string;
    }
  | { readonly event: 'plan'; readonly cluster: string; readonly changes: readonly ChangeSummary[] }
  | {
      /** One resource (or handler: `reload haproxy`) being changed on one host. */
      readonly event: 'task';
      readonly cluster: string;
      readonly host: string;
      readonly play: string;
      readonly resource: string;
      readonly title: string;
      readonly state: 'running' | 'done' | 'failed' | 'not-run' | 'unknown';
      readonly duration_ms?: number;
      /** Only with `up --diff`. */
      readonly diff?: string;
    }
  | {
      readonly event: 'gate';
      readonly cluster: string;
      readonly host: string | null;
      readonly gate: string;
      readonly state: 'waiting' | 'passed' | 'failed';
      readonly detail?: string;
    }
  | {
      readonly event: 'notice';
      readonly cluster: string;
      readonly host: string | null;
      readonly message: string;
    }
  | { readonly event: 'diagnostic'; readonly diagnostic: Diagnostic }
  | {
      /** A fault that `drill` makes on purpose. */
      readonly event: 'fault';
      readonly cluster: string;
      readonly host: string;
      readonly fault: string;
      /** From 1. */
      readonly repetition: number;
      readonly state: FaultState;
      /** Since it was made. */
      readonly at_ms?: number;
      readonly detail?: string;
    }
  | {
      /** Only told to reporters that want it (`-v`). Secrets are already hidden in all of its texts. */
      readonly event: 'command';
      readonly cluster: string;
      readonly host: string;
      readonly title: string;
      readonly script: string;
      readonly exit_code: number | null;
      readonly stdout: string;
      readonly stderr: string;
      readonly duration_ms: number;
    }
  | {
      readonly event: 'summary';
      readonly ok: boolean;
      /** By host name, or `cluster/host` where a name occurs in two clusters. */
      readonly hosts: Readonly<Record<string, HostRecap>>;
      readonly clusters: Readonly<Record<string, ClusterRecap>>;
      /** Of `drill`. */
      readonly faults?: readonly FaultResult[];
      readonly duration_ms: number;
    };

export type Emit = (event: RunEvent) => void;
