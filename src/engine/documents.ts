import type { ChangeSummary } from './events.js';

/** What `lbctl status --json` prints. */
export interface StatusDocument {
  readonly clusters: readonly ClusterStatus[];
}

/** `degraded`: served, but one failure away from an outage. */
export type ClusterState = 'healthy' | 'degraded' | 'down' | 'split_brain' | 'unknown';

export interface ClusterStatus {
  readonly name: string;
  readonly state: ClusterState;
  readonly virtual_ips: readonly {
    readonly address: string;
    readonly instance: string;
    readonly holders: readonly string[];
    readonly expected: string | null;
  }[];
  readonly hosts: readonly HostStatus[];
  readonly servers: readonly {
    readonly backend: string;
    readonly server: string;
    readonly address: string;
    /** By host: what that host's HAProxy says of the server (`UP`, `DOWN`, `no check`, …). */
    readonly status: Readonly<Record<string, string>>;
  }[];
  readonly problems: readonly Problem[];
  /** What an operator should know although nothing is wrong: it does not change the state. */
  readonly notices: readonly Problem[];
}

export interface HostStatus {
  readonly name: string;
  readonly address: string;
  readonly reachable: boolean;
  /** systemd's ActiveState; null where the host was not reached. */
  readonly haproxy: string | null;
  readonly keepalived: string | null;
  readonly instances: Readonly<
    Record<
      string,
      {
        /** MASTER, BACKUP, FAULT, …; null where keepalived does not say. */
        readonly state: string | null;
        readonly priority: number | null;
        readonly effective_priority: number | null;
      }
    >
  >;
}

export interface Problem {
  /** Stable, snake_case. */
  readonly code: string;
  readonly message: string;
  readonly host: string | null;
}

/** What `lbctl plan --json` prints. */
export interface PlanDocument {
  readonly clusters: readonly {
    readonly name: string;
    readonly status: 'noop' | 'changes' | 'error';
    readonly changes: readonly ChangeSummary[];
    readonly problems: readonly Problem[];
  }[];
}

export interface PingHost {
  readonly name: string;
  readonly address: string;
  readonly reachable: boolean;
  /** Whether scripts run as root. */
  readonly root: boolean;
  /** The tools that are not there. */
  readonly missing: readonly string[];
  /** PRETTY_NAME of os-release. */
  readonly system: string | null;
  readonly package_manager: string | null;
  readonly duration_ms: number;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** What `lbctl ping --json` prints. */
export interface PingDocument {
  readonly clusters: readonly { readonly name: string; readonly hosts: readonly PingHost[] }[];
}

export interface LockedHost {
  readonly name: string;
  readonly address: string;
  readonly reachable: boolean;
  /** `expired`: its owner has not been heard of for so long that the next run takes it. */
  readonly state: 'free' | 'locked' | 'expired' | 'unknown';
  readonly lock: {
    /** user@machine (process N) */
    readonly who: string;
    readonly command: string;
    /** ISO 8601, by the owner's clock. */
    readonly since: string;
    readonly renewed_seconds_ago: number;
    readonly expires_in_seconds: number;
    /** One of the owner's steps is running there at this moment. */
    readonly step_running: boolean;
  } | null;
  /** Only of `lock release`. */
  readonly released?: boolean;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** What `lbctl lock status --json` and `lbctl lock release --json` print. */
export interface LockDocument {
  readonly clusters: readonly { readonly name: string; readonly hosts: readonly LockedHost[] }[];
}

/** What `lbctl history --json` prints. */
export interface HistoryDocument {
  readonly clusters: readonly ClusterHistory[];
}

export interface ClusterHistory {
  readonly name: string;
  /** The youngest first; `number` is what `lbctl rollback --to` takes. 0 is what was there before lbctl. */
  readonly generations: readonly {
    readonly number: number;
    readonly who: string;
    readonly command: string;
    /** ISO 8601, by the clock of whoever ran it. */
    readonly when: string;
    /** Hosts that the run changed. */
    readonly hosts: Readonly<
      Record<
        string,
        {
          /** `VERB RESOURCE` */
          readonly changes: readonly string[];
          /** From before the run to before the next one, or to now; secrets hidden. null: no file differs. */
          readonly diff: string | null;
          /** When the host went back by itself, since its operator was gone; null: it did not. */
          readonly reverted: string | null;
        }
      >
    >;
  }[];
  readonly problems: readonly Problem[];
}

/** What a client saw for a while. */
export interface ClientFigures {
  readonly requests: number;
  readonly failed: number;
  /** The longest time in which the client asked and got no answer. */
  readonly longest_gap_ms: number;
  /** Of the requests that were answered; null where none was. */
  readonly slowest_ms: number | null;
  /** Requests a second that were really begun. */
  readonly rate: number;
  /** How long the client itself paused at most beyond its interval: gaps do not count that time. */
  readonly client_late_ms: number;
}

/** What `drill` tells of one fault in its summary. The figures of the client are those until the fault was undone. */
export interface FaultResult extends Omit<ClientFigures, 'longest_gap_ms'> {
  readonly cluster: string;
  readonly fault: string;
  readonly host: string;
  /** From 1. */
  readonly repetition: number;
  readonly measured_from: string;
  /** False: it could not be made, and `error` says why. */
  readonly made: boolean;
  /** How, where there are several ways to make it. */
  readonly method: string | null;
  /** Until keepalived on any host changed its state or sent an advert of priority 0; null: none did. */
  readonly detection_ms: number | null;
  readonly detected_by: string | null;
  readonly detected_as: string | null;
  /** Until the last virtual address was on another host; null: they stayed, or came nowhere. */
  readonly takeover_ms: number | null;
  readonly taken_over_by: string | null;
  readonly takeover_expected: boolean;
  readonly longest_gap_ms: number | null;
  /**
   * The longest time in which two hosts had one of the addresses at once, by their kernels; also on the way back. A host that
   * is cut off does not know that another has it. null: the fault was not made.
   */
  readonly two_holders_ms: number | null;
  /** What the client saw from the undoing on, while the pair became healthy again. */
  readonly return: ClientFigures | null;
  /** The pair is healthy again. */
  readonly restored: boolean;
  /** From the undoing to a healthy pair. */
  readonly restore_ms: number | null;
  readonly error: string | null;
}

/** Milliseconds from the moment at which the fault was made; what was before is negative. */
export interface FaultTimeline {
  readonly from_ms: number;
  readonly to_ms: number;
  readonly undone_ms: number;
  readonly holders: readonly { readonly host: string; readonly from_ms: number; readonly to_ms: number }[];
  readonly notes: readonly { readonly at_ms: number; readonly host: string; readonly text: string }[];
  readonly requests: readonly { readonly at_ms: number; readonly took_ms: number; readonly ok: boolean }[];
}

export interface FaultRun {
  readonly result: FaultResult;
  readonly timeline: FaultTimeline | null;
}

/** One cluster of `drill --report`. */
export interface DrilledCluster {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly address: string;
  /** What was asked over and over. */
  readonly asked: string;
  readonly measured_from: string;
  /** By how much times of different machines may be apart. */
  readonly clock_error_ms: number;
  readonly configuration: {
    /** Of the files' hashes. */
    readonly hash: string;
    readonly files: readonly { readonly host: string; readonly path: string; readonly sha256: string }[];
  };
  readonly runs: readonly FaultRun[];
}

export interface DrillReport {
  /** ISO 8601 */
  readonly started: string;
  readonly inventory: string;
  readonly duration_ms: number;
  readonly ok: boolean;
  readonly clusters: readonly DrilledCluster[];
  /** What went wrong, one sentence each. */
  readonly errors: readonly string[];
}
