/** The flags that mean the same everywhere, as commander hands them over. */
export interface GlobalOptions {
  readonly limit?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  /** commander's form of --no-color. */
  readonly color?: boolean;
  readonly parallel?: string;
  readonly timeout?: string;
  readonly lockWait?: string;
  readonly logFile?: string;
  readonly yes?: boolean;
}

export interface StatusOptions extends GlobalOptions {
  readonly watch?: boolean;
  /** Seconds. */
  readonly interval?: string;
  readonly prometheus?: boolean;
  readonly playbook?: string;
}

export interface UpOptions extends GlobalOptions {
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly playbook?: string;
  readonly force?: boolean;
  /** commander's form of --no-rollback. */
  readonly rollback?: boolean;
  readonly revertAfter?: string;
}

export interface SwitchoverOptions extends GlobalOptions {
  readonly to?: string;
  readonly back?: boolean;
  readonly force?: boolean;
}

export interface DownOptions extends GlobalOptions {
  readonly force?: boolean;
  readonly purge?: boolean;
}

export interface LockReleaseOptions extends GlobalOptions {
  readonly force?: boolean;
}

export interface RollbackOptions extends GlobalOptions {
  readonly to?: string;
  readonly diff?: boolean;
  readonly force?: boolean;
  /** commander's form of --no-rollback. */
  readonly rollback?: boolean;
  readonly revertAfter?: string;
}

export interface HistoryOptions extends GlobalOptions {
  /** commander's form of --no-diff. */
  readonly diff?: boolean;
}

export interface DrillOptions extends GlobalOptions {
  readonly fault?: string;
  readonly host?: string;
  readonly repeat?: string;
  readonly rate?: string;
  readonly report?: string;
  readonly junit?: string;
  readonly playbook?: string;
}

/** What a command needs of the process; tests give their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first interrupt. */
  readonly interrupted: AbortSignal;
}
