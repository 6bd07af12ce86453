import type { Command } from '../base/shell.js';
import type { Host } from '../inventory/model.js';
import { NO_PASSWORDS, otherWay, type Passwords, passSudo, type SudoWay } from './become.js';
import { aborted, errorText, failure } from './failures.js';
import { backoff, pause, unlessAborted } from './pause.js';
import { type RemoteProcess, runScript } from './run-script.js';
import { Slots } from './slots.js';
import type { Target } from './target.js';
import type { Trace } from './trace.js';
import { type RunOptions, type RunResult, type Session, TransportError } from './types.js';
import { ChannelRefused, type Connection } from './wire.js';
import { newMark, remoteCommand } from './wrapper.js';

const CHANNELS = 8;
/** So often a server may refuse the only channel: those that are closing count as well. */
const REFUSALS = 3;
/** So often in all a script that may be repeated is begun. */
const REPEATS = 3;

export interface SessionOptions {
  readonly passwords?: Passwords;
  /** Another connection to the same host. @throws TransportError */
  readonly reconnect?: (signal: AbortSignal | undefined) => Promise<Connection>;
}

/** Scripts on one host; root's own, or by way of sudo. */
export class SshSession implements Session {
  readonly host: Host;
  readonly #target: Target;
  readonly #trace: Trace;
  readonly #options: SessionOptions;
  readonly #slots = new Slots(CHANNELS);
  #connection: Connection;
  /** Under way: who needs it waits for it. */
  #reconnecting: Promise<void> | null = null;
  #closed = false;
  /** How sudo is called; settled by the first script. */
  #way: SudoWay;
  #settling: Promise<unknown> | null = null;
  #settled: boolean;
  #passwordIsRight = false;
  #passwordIsWrong: TransportError | null = null;

  constructor(target: Target, connection: Connection, trace: Trace, options: SessionOptions = {}) {
    this.host = target.host;
    this.#target = target;
    this.#connection = connection;
    this.#trace = trace;
    this.#options = options;
    const password = target.user === 'root' ? null : target.host.ssh.become.password;
    this.#way = { asks: password === null ? 'never' : 'perhaps', tty: false };
    this.#settled = password === null;
  }

  async run(script: Command, options: RunOptions): Promise<RunResult> {
    const { limit, signal } = options;
    if (limit !== 'none' && !(limit > 0)) throw new Error(`a time limit has to be above 0 s: ${limit}`);
    if (signal?.aborted) throw aborted(this.host);
    // The others wait until the first one knows how sudo is to be called, and that the password is right.
    while (!this.#settled && this.#settling !== null) await this.#settling;
    const running = this.#runAgain(script, options);
    if (!this.#settled) {
      this.#settling = running.then(
        () => undefined,
        () => undefined,
      );
      this.#settling.finally(() => {
        this.#settling = null;
      });
    }
    return running;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    this.#trace({ type: 'closed', host: this.#target.label });
  }

  /** A script that may be repeated is, when the connection is lost. @throws TransportError */
  async #runAgain(script: Command, options: RunOptions): Promise<RunResult> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#runSomeWay(script, options);
      } catch (error) {
        const isLost = error instanceof TransportError && error.diagnostic.code === 'connection-cut';
        const { reconnect } = this.#options;
        if (!isLost || !options.repeatable || reconnect === undefined || this.#closed || tries >= REPEATS)
          throw error;
        const delayMs = backoff(tries, 200);
        this.#trace({ type: 'retry', host: this.#target.label, reason: error.message, delayMs });
        await pause(delayMs, this.host, options.signal);
      }
    }
  }

  /** Where sudo refuses one way to be called for a reason that another one mends, that one. @throws TransportError */
  async #runSomeWay(script: Command, options: RunOptions): Promise<RunResult> {
    for (;;) {
      if (this.#passwordIsWrong !== null) throw this.#passwordIsWrong;
      const way = this.#way;
      try {
        const result = await this.#runOnce(script, options, way);
        this.#settled = true;
        return result;
      } catch (error) {
        if (!(error instanceof TransportError) || error.failure !== 'privileges') throw error;
        if (error.diagnostic.code === 'become-password-wrong') this.#passwordIsWrong = error;
        const other = otherWay(way, error.diagnostic.detail ?? '');
        if (other === null || this.#way !== way) throw error;
        this.#way = other;
      }
    }
  }

  async #runOnce(script: Command, options: RunOptions, way: SudoWay): Promise<RunResult> {
    const { limit, signal } = options;
    const label = this.#target.label;
    this.#trace({ type: 'run-start', host: label, script, limit });
    const become = this.#target.user !== 'root';
    const mark = newMark();
    const sudo = { ...way, prompt: `lbctl-password-${mark}:`, ready: `lbctl-ready-${mark}` };
    const process = await this.#open(remoteCommand({ become, limit, sudo }), signal);
    if (become && way.asks === 'perhaps') await this.#passSudo(process, sudo, way, signal);
    let bytes = { stdout: 0, stderr: 0 };
    const connection = this.#connection;
    const result = await runScript(process, script, options, {
      target: this.#target,
      become,
      lossReason: () => (this.#closed ? 'It was closed from here.' : connection.lossReason),
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

  async #passSudo(
    process: RemoteProcess,
    texts: { readonly prompt: string; readonly ready: string },
    way: SudoWay,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const ref = this.host.ssh.become.password;
    const { passwords = NO_PASSWORDS } = this.#options;
    const asked = await passSudo(process, {
      target: this.#target,
      ...texts,
      password: ref === null ? null : () => passwords.of(ref),
      trusted: this.#passwordIsRight,
      signal,
    });
    if (asked) this.#passwordIsRight = true;
    // Without a question -n does, which needs no waiting.
    else if (ref !== null && this.#way === way) this.#way = { ...way, asks: 'never' };
  }

  /** A channel with the command, as soon as there is room for one. */
  async #open(command: string, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    let refusals = 0;
    for (let reconnected = false; ; ) {
      await this.#slots.take();
      const connection = this.#connection;
      const before = this.#slots.used - 1;
      try {
        if (signal?.aborted) throw aborted(this.host);
        const process = await unlessAborted(connection.exec(command), signal, this.host);
        process.onClose(() => this.#slots.release());
        return process;
      } catch (error) {
        const others = this.#slots.used - 1;
        this.#slots.release();
        if (error instanceof ChannelRefused) {
          // Others were open when it was refused, and may be closed by now; a closing one still counts over there.
          if (before > 0) this.#slots.lower(Math.max(1, others));
          else if (++refusals > REFUSALS) throw this.#refused(error);
          await pause(before > 0 ? 0 : 30 * refusals, this.host, signal);
          continue;
        }
        if (error instanceof TransportError) throw error;
        if (reconnected || this.#closed || this.#options.reconnect === undefined) throw this.#notRun(error);
        // Nothing was sent: over another connection it is as if this one had never been.
        reconnected = true;
        await this.#reconnect(connection, error, this.#options.reconnect, signal);
      }
    }
  }

  async #reconnect(
    lost: Connection,
    reason: unknown,
    reconnect: NonNullable<SessionOptions['reconnect']>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#connection !== lost) return;
    this.#reconnecting ??= reconnect(signal).then((connection) => {
      if (this.#closed) connection.close();
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
    return failure('unreachable', this.host, {
      code: 'channel-refused',
      summary: `${this.host.name} lets ${this.#target.user} log in but run nothing: ${error.message}`,
      hint: `look at MaxSessions in sshd_config of ${this.host.name}`,
    });
  }

  #notRun(error: unknown, again?: unknown): TransportError {
    const why = this.#closed ? 'It was closed from here.' : this.#connection.lossReason || errorText(error);
    return failure('unreachable', this.host, {
      code: 'connection-lost',
      summary: `the connection to ${this.host.name} ended before a script was sent: that script did not run`,
      detail: again === undefined ? why : `${why}\nConnecting again failed: ${errorText(again)}`,
    });
  }
}
