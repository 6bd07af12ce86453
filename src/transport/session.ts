import type { Command } from '../base/shell.js';
import type { Host } from '../inventory/model.js';
import { aborted, errorText, failure } from './failures.js';
import { type RemoteProcess, runScript } from './run-script.js';
import { Slots } from './slots.js';
import type { Target } from './target.js';
import type { Trace } from './trace.js';
import type { RunOptions, RunResult, Session, TransportError } from './types.js';
import { ChannelRefused, type Connection } from './wire.js';
import { remoteCommand } from './wrapper.js';

const CHANNELS = 8;

/** Scripts over one connection; root's own, or by way of sudo. */
export class SshSession implements Session {
  readonly host: Host;
  readonly #target: Target;
  readonly #connection: Connection;
  readonly #trace: Trace;
  readonly #slots = new Slots(CHANNELS);
  #closed = false;

  constructor(target: Target, connection: Connection, trace: Trace) {
    this.host = target.host;
    this.#target = target;
    this.#connection = connection;
    this.#trace = trace;
  }

  async run(script: Command, options: RunOptions): Promise<RunResult> {
    const { limit, signal } = options;
    if (limit !== 'none' && !(limit > 0)) throw new Error(`a time limit has to be above 0 s: ${limit}`);
    if (signal?.aborted) throw aborted(this.host);
    const label = this.#target.label;
    this.#trace({ type: 'run-start', host: label, script, limit });
    const become = this.#target.user !== 'root';
    const process = await this.#open(remoteCommand({ become, limit }), signal);
    let bytes = { stdout: 0, stderr: 0 };
    const result = await runScript(process, script, options, {
      target: this.#target,
      become,
      lossReason: () => (this.#closed ? 'It was closed from here.' : this.#connection.lossReason),
      disconnect: () => this.close(),
      onBytes: (read) => {
        bytes = read;
      },
    });
    this.#trace({
      type: 'run-end',
      host: label,
      exitCode: result.exitCode,
      timedOut: result.timedOut,
      durationMs: result.durationMs,
      stdoutBytes: bytes.stdout,
      stderrBytes: bytes.stderr,
    });
    return result;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    this.#trace({ type: 'closed', host: this.#target.label });
  }

  /** A channel with the command, as soon as there is room for one. */
  async #open(command: string, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    for (;;) {
      await this.#slots.take();
      try {
        if (signal?.aborted) throw aborted(this.host);
        const process = await unlessAborted(this.#connection.exec(command), signal, this.host);
        process.onClose(() => this.#slots.release());
        return process;
      } catch (error) {
        const others = this.#slots.used - 1;
        this.#slots.release();
        if (error instanceof ChannelRefused && others > 0) {
          this.#slots.lower(others);
          continue;
        }
        throw error instanceof ChannelRefused ? this.#refused(error) : this.#notRun(error);
      }
    }
  }

  #refused(error: ChannelRefused): TransportError {
    return failure('unreachable', this.host, {
      code: 'channel-refused',
      summary: `${this.host.name} lets ${this.#target.user} log in but run nothing: ${error.message}`,
      hint: `look at MaxSessions in sshd_config of ${this.host.name}`,
    });
  }

  #notRun(error: unknown): unknown {
    if (error instanceof Error && error.name === 'TransportError') return error;
    return failure('unreachable', this.host, {
      code: 'connection-lost',
      summary: `the connection to ${this.host.name} ended before a script was sent: that script did not run`,
      detail: this.#closed ? 'It was closed from here.' : this.#connection.lossReason || errorText(error),
    });
  }
}

/** A process that comes after the signal is closed again. */
function unlessAborted(
  opening: Promise<RemoteProcess>,
  signal: AbortSignal | undefined,
  host: Host,
): Promise<RemoteProcess> {
  if (signal === undefined) return opening;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(aborted(host));
      opening.then(
        (process) => process.close(),
        () => undefined,
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    opening.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
