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
