import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import type { Host } from '../inventory/model.js';

export interface RunOptions {
  /**
   * Seconds after which the remote process group is ended (TERM, 5 s later KILL) and `timedOut` is set.
   * 'none': never ended from here, for a package manager's transaction.
   */
  readonly limit: number | 'none';
  readonly signal?: AbortSignal;
  /** The script changes nothing, or nothing more when it is run twice: where the connection is lost meanwhile, it is run again over another one. */
  readonly repeatable?: boolean;
  /** Nothing that it starts outlives it and prints: the next script may come over the same channel, two round trips sooner. */
  readonly tidy?: boolean;
  /** Told every line of stdout as it arrives; these lines are not part of the result then. */
  readonly onLine?: (line: string) => void;
}

/** A non-zero exit is data, not an exception. `exitCode` is null when a signal ended the process. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

/** One host, reached by SSH; a lost connection is made anew by the next `run`. Every script runs as root there, under `/bin/sh`, from standard input. */
export interface Session {
  readonly host: Host;
  /** @throws TransportError */
  run(script: Command, options: RunOptions): Promise<RunResult>;
  close(): void;
}

export interface Transport {
  /** @throws TransportError */
  connect(host: Host, signal?: AbortSignal): Promise<Session>;
}

export type TransportFailure =
  /** No connection, no handshake, no authentication, or a host key that is not trusted. */
  | 'unreachable'
  /** Logged in, but not root and no way to become it. */
  | 'privileges'
  /** The connection ended while a script ran: what it did is unknown. */
  | 'cut'
  /** The caller's signal. */
  | 'aborted';

/** The only thing a transport throws. `diagnostic` says what happened and what to do next. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  constructor(
    readonly failure: TransportFailure,
    readonly diagnostic: Diagnostic,
  ) {
    super(diagnostic.summary);
  }
}
