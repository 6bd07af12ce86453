import { aborted, errorText, failure } from './failures.js';
import { inTime, pause } from './pause.js';
import type { RemoteProcess } from './run-script.js';
import { Slots } from './slots.js';
import { sshArguments, type Target } from './target.js';
import { TransportError } from './types.js';
import { ChannelRefused, type Connection, ExecRefused } from './wire.js';

const CHANNELS = 8;
/** So often a server may refuse the only channel: those that are closing count as well. */
const REFUSALS = 3;
/** So long a shell that waits may be counted on to be there still. */
const FRESH_MS = 5_000;
/** A link that is dead, or stalls, is known as such sooner: by then the server itself does not answer. */
const OPEN_MS = 45_000;

export interface ChannelOptions {
  /** Another connection to the same host. @throws TransportError */
  readonly reconnect?: (signal: AbortSignal | undefined) => Promise<Connection>;
  /** How long a channel may take to open. */
  readonly openMs?: number;
}

/** The channels of a connection, which is made anew where it is lost between two scripts. */
export class Channels {
  readonly #target: Target;
  readonly #options: ChannelOptions;
  readonly #slots = new Slots(CHANNELS);
  #connection: Connection;
  readonly #open = new Set<RemoteProcess>();
  /** Those of them whose shell waits for a script, and since when. */
  readonly #idle = new Map<RemoteProcess, number>();
  /** Under way: who needs it waits for it. */
  #reconnecting: Promise<void> | null = null;
  #closed = false;

  constructor(target: Target, connection: Connection, options: ChannelOptions) {
    this.#target = target;
    this.#connection = connection;
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** False: it was closed before. */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#connection.close();
    return true;
  }

  /** Tells later why the connection that stands now was lost. */
  lossReasons(): () => string {
    const connection = this.#connection;
    return () => (this.#closed ? 'It was closed from here.' : connection.lossReason);
  }

  /**
   * A channel whose shell waits for a script, left by one before it; null: there is none. One that has waited for long is not
   * used: should its connection have died meanwhile, nobody could tell whether the script ran. To open another one tells.
   */
  takeIdle(): RemoteProcess | null {
    for (const [process, since] of this.#idle) {
      this.#idle.delete(process);
      // By the wall clock, which goes on while this machine sleeps.
      if (Math.abs(Date.now() - since) < FRESH_MS) return process;
      process.close();
    }
    return null;
  }

  /** Its script has ended, and its shell waits for the next one. It keeps its place among those that are open at once. */
  keep(process: RemoteProcess): void {
    if (!this.#open.has(process)) return;
    if (this.#closed || this.#slots.waiting > 0) process.close();
    else this.#idle.set(process, Date.now());
  }

  /** A new channel with the command, as soon as there is room for one. @throws TransportError */
  async open(command: string, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    let refusals = 0;
    for (let reconnected = false; ; ) {
      await this.#slots.take();
      const connection = this.#connection;
      const before = this.#slots.used - 1;
      try {
        if (signal?.aborted) throw aborted(this.#target.host);
        const process = await this.#exec(connection, command, signal);
        this.#open.add(process);
        process.onClose(() => {
          this.#open.delete(process);
          this.#idle.delete(process);
          this.#slots.release();
        });
        return process;
      } catch (error) {
        const others = this.#slots.used - 1;
        this.#slots.release();
        if (error instanceof ChannelRefused) {
          // Others were open when it was refused, and may be closed by now; a closing one still counts over there.
          if (before > 0) this.#slots.lower(Math.max(1, others));
          else if (++refusals > REFUSALS) throw this.#refused(error);
          await pause(before > 0 ? 0 : 30 * refusals, this.#target.host, signal);
          continue;
        }
        if (error instanceof TransportError) throw error;
        if (error instanceof ExecRefused) throw this.#runsNothing();
        const { reconnect } = this.#options;
        if (reconnected || this.isClosed || reconnect === undefined) throw this.#notRun(error);
        // Nothing was sent: over another connection it is as if this one had never been.
        reconnected = true;
        await this.#reconnect(connection, error, reconnect, signal);
      }
    }
  }

  /** One that opens too late gets no script, and ends with its standard input. */
  #exec(connection: Connection, command: string, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    const { host } = this.#target;
    const { openMs = OPEN_MS } = this.#options;
    const late = () => {
      // Another connection may meet a server process that answers. Nobody else uses this one.
      if (this.#open.size === 0) connection.close();
      return this.#silent(openMs);
    };
    return inTime(connection.exec(command), { host, signal, limitMs: openMs, late }, (process) =>
      process.close(),
    );
  }

  async #reconnect(
    lost: Connection,
    reason: unknown,
    reconnect: NonNullable<ChannelOptions['reconnect']>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#connection !== lost) return;
    this.#reconnecting ??= reconnect(signal).then((connection) => {
      if (this.isClosed) connection.close();
      else this.#connection = connection;
    });
    const mine = this.#reconnecting;
    try {
      await mine;
    } catch (error) {
      if (error instanceof TransportError && error.failure === 'aborted') throw error;
      throw this.#notRun(reason, error);
    } finally {
      if (this.#reconnecting === mine) this.#reconnecting = null;
    }
  }

  #refused(error: ChannelRefused): TransportError {
    return failure('unreachable', this.#target.host, {
      code: 'channel-refused',
      summary: `${this.#target.host.name} lets ${this.#target.user} log in but run nothing: ${error.message}`,
      hint: `look at MaxSessions in sshd_config of ${this.#target.host.name}`,
    });
  }

  #runsNothing(): TransportError {
    const { host, name, user } = this.#target;
    return failure('unreachable', host, {
      code: 'no-shell',
      summary: `${name} let ${user} in, but sshd there runs no command for that account`,
      hint: `try \`ssh ${sshArguments(this.#target)} true\`; the account needs a shell, and neither a restricted key nor a ForceCommand`,
    });
  }

  #silent(openMs: number): TransportError {
    const { host, name } = this.#target;
    return failure('unreachable', host, {
      code: 'channel-silent',
      summary: `${name} let ${this.#target.user} in, but began no command within ${openMs / 1000} s: the script was not sent`,
      hint: `sshd waits for something there, such as a PAM session module, or the host has no memory left: \`journalctl -u sshd -u ssh\` on ${name}, or \`ssh ${sshArguments(this.#target)} true\``,
    });
  }

  #notRun(error: unknown, again?: unknown): TransportError {
    const why = this.isClosed ? 'It was closed from here.' : this.#connection.lossReason || errorText(error);
    return failure('unreachable', this.#target.host, {
      code: 'connection-lost',
      summary: `the connection to ${this.#target.host.name} ended before a script was sent: that script did not run`,
      detail: again === undefined ? why : `${why}\nConnecting again failed: ${errorText(again)}`,
      hint: `look whether it is up (\`ssh ${sshArguments(this.#target)} uptime\`), then run lbctl again`,
    });
  }
}
