import type { Command } from '../base/shell.js';
import type { Host } from '../inventory/model.js';
import { NO_PASSWORDS, otherWay, type Passwords, passSudo, type SudoWay } from './become.js';
import { type ChannelOptions, Channels } from './channels.js';
import { aborted } from './failures.js';
import { backoff, pause } from './pause.js';
import { type RemoteProcess, runScript } from './run-script.js';
import type { Target } from './target.js';
import type { Trace } from './trace.js';
import { type RunOptions, type RunResult, type Session, TransportError } from './types.js';
import type { Connection } from './wire.js';
import { newMark, remoteCommand } from './wrapper.js';

/** So often in all a script that may be repeated is begun. */
const REPEATS = 3;

export interface SessionOptions extends ChannelOptions {
  readonly passwords?: Passwords;
}

/** Scripts on one host; root's own, or by way of sudo. */
export class SshSession implements Session {
  readonly host: Host;
  readonly #target: Target;
  readonly #trace: Trace;
  readonly #options: SessionOptions;
  readonly #channels: Channels;
  /** How sudo is called; settled by the first script. */
  #way: SudoWay;
  #settling: Promise<unknown> | null = null;
  #settled: boolean;
  #passwordIsRight = false;
  #passwordIsWrong: TransportError | null = null;

  constructor(target: Target, connection: Connection, trace: Trace, options: SessionOptions = {}) {
    this.host = target.host;
    this.#target = target;
    this.#channels = new Channels(target, connection, options);
    this.#trace = trace;
    this.#options = options;
    const password = this.#becomes ? target.host.ssh.become.password : null;
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
    if (!this.#channels.close()) return;
    this.#trace({ type: 'closed', host: this.#target.label });
  }

  get #becomes(): boolean {
    return this.#target.user !== 'root' && this.host.ssh.become.method === 'sudo';
  }

  /** A script that may be repeated is, when the connection is lost. @throws TransportError */
  async #runAgain(script: Command, options: RunOptions): Promise<RunResult> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#runSomeWay(script, options);
      } catch (error) {
        const isLost = error instanceof TransportError && error.diagnostic.code === 'connection-cut';
        const { reconnect } = this.#options;
        if (
          !isLost ||
          !options.repeatable ||
          reconnect === undefined ||
          this.#channels.isClosed ||
          tries >= REPEATS
        )
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
        const other = otherWay(way, error.diagnostic.detail ?? '', this.host.ssh.become.password !== null);
        if (other === null || this.#way !== way) throw error;
        this.#way = other;
      }
    }
  }

  async #runOnce(script: Command, options: RunOptions, way: SudoWay): Promise<RunResult> {
    const { limit, signal } = options;
    const label = this.#target.label;
    this.#trace({ type: 'run-start', host: label, script, limit });
    const become = this.#becomes;
    const process = this.#channels.takeIdle() ?? (await this.#openShell(way, signal));
    let bytes = { stdout: 0, stderr: 0 };
    const lossReason = this.#channels.lossReasons();
    const result = await runScript(process, script, options, {
      target: this.#target,
      become,
      lossReason,
      disconnect: () => this.close(),
      keep: () => this.#channels.keep(process),
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

  /** A channel with a shell of root's that waits for a script. @throws TransportError */
  async #openShell(way: SudoWay, signal: AbortSignal | undefined): Promise<RemoteProcess> {
    const become = this.#becomes;
    const mark = newMark();
    const sudo = { ...way, prompt: `lbctl-password-${mark}:`, ready: `lbctl-ready-${mark}` };
    const process = await this.#channels.open(remoteCommand({ become, sudo }), signal);
    if (become && way.asks === 'perhaps') await this.#passSudo(process, sudo, way, signal);
    return process;
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
}
