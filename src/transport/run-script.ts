import type { Command } from '../base/shell.js';
import { aborted, failure } from './failures.js';
import { Frame } from './frame.js';
import { LineSplitter } from './line-splitter.js';
import { whyNotStarted } from './no-start.js';
import { sshArguments, type Target } from './target.js';
import type { RunOptions, RunResult, TransportError } from './types.js';
import { KILL_AFTER, newMark, remoteInput } from './wrapper.js';

/** Bytes of stdout and stderr together. */
const MAX_OUTPUT = 32 * 1024 * 1024;
/** Of a line that has no end yet, where lines are read one by one. */
const MAX_LINE = 1024 * 1024;
/** Seconds that a link may stall on top of the script's own limit before the script counts as stuck. */
const SLACK = 30;

/** A running remote command. Each stream has one listener: the next one takes its place. */
export interface RemoteProcess {
  write(data: Buffer): void;
  onStdout(listener: (chunk: Buffer) => void): void;
  onStderr(listener: (chunk: Buffer) => void): void;
  /** The channel is closed and both streams are read. Both null: the connection was lost. */
  onClose(listener: (exitCode: number | null, signal: string | null) => void): void;
  /** Closes the channel; the remote wrapper then ends a script with a limit. */
  close(): void;
}

export interface RunContext {
  readonly target: Target;
  readonly become: boolean;
  /** Why the connection was lost; for the message. */
  lossReason(): string;
  /** Gives the whole connection up. */
  disconnect(): void;
  /** The process waits for the next script, and is no longer ours to close. */
  keep(): void;
  /** Told in the end how much was read. */
  onBytes?(bytes: { readonly stdout: number; readonly stderr: number }): void;
}

/** Sends a script to the wrapper and waits for its closing mark. @throws TransportError */
export function runScript(
  process: RemoteProcess,
  script: Command,
  options: RunOptions,
  context: RunContext,
): Promise<RunResult> {
  const { target } = context;
  const { host } = target;
  const { limit, signal } = options;
  const started = performance.now();
  const mark = newMark();
  const out = new Frame(mark);
  const err = new Frame(mark);
  const bytes = { stdout: 0, stderr: 0 };
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (end: () => void, isFree = false) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      context.onBytes?.(bytes);
      if (isFree) context.keep();
      else process.close();
      end();
    };
    const fail = (error: TransportError) => settle(() => reject(error));
    const succeed = (part: Pick<RunResult, 'exitCode' | 'signal' | 'timedOut'>, isFree = false) =>
      settle(
        () =>
          resolve({
            ...part,
            stdout: out.text(),
            stderr: err.text(),
            durationMs: performance.now() - started,
          }),
        isFree,
      );
    const onAbort = () => fail(aborted(host));
    const lines = options.onLine === undefined ? null : new LineSplitter(options.onLine);
    const read = (frame: Frame, stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
      if (settled) return;
      frame.push(chunk);
      if (lines !== null && stream === 'stdout' && frame.opened) lines.push(frame.take());
      else bytes[stream] += chunk.length;
      // The marks are enough: a background process may keep the channel open for as long as it likes.
      if (out.closed && err.closed)
        return succeed({ exitCode: out.exitCode, signal: null, timedOut: false }, options.tidy === true);
      const isLong = lines !== null && lines.pending > MAX_LINE;
      if (bytes.stdout + bytes.stderr <= MAX_OUTPUT && !isLong) return;
      fail(
        tooMuch(
          context,
          isLong ? `a line of more than ${MAX_LINE / 2 ** 20}` : `more than ${MAX_OUTPUT / 2 ** 20}`,
        ),
      );
      context.disconnect();
    };
    const timer = setTimeout(
      () => fail(stuck(context, limit)),
      limit === 'none' ? 2 ** 31 - 1 : (limit + KILL_AFTER + SLACK) * 1000,
    );
    process.onStdout(read(out, 'stdout'));
    process.onStderr(read(err, 'stderr'));
    process.onClose((exitCode, signalName) => {
      if (out.closed) return succeed({ exitCode: out.exitCode, signal: null, timedOut: false });
      if (exitCode === null && signalName === null) return fail(cut(context));
      if (!out.opened) {
        return fail(
          whyNotStarted(target, { become: context.become, exitCode, stdout: out.text(), stderr: err.text() }),
        );
      }
      // timeout(1) ends with 124, or is itself hit by the KILL that it sends to the group.
      const late = limit !== 'none' && performance.now() - started >= limit * 1000;
      const killed = exitCode === 137 || signalName === 'SIGKILL';
      if (exitCode === 124 || (killed && late))
        return succeed({ exitCode: null, signal: 'SIGTERM', timedOut: true });
      if (signalName !== null) return succeed({ exitCode: null, signal: signalName, timedOut: false });
      if (exitCode !== null && exitCode > 128) return succeed({ exitCode, signal: null, timedOut: false });
      fail(cut(context));
    });
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
    process.write(remoteInput(mark, script.text.reveal(), limit));
  });
}

function cut({ target, lossReason }: RunContext): TransportError {
  return failure('cut', target.host, {
    code: 'connection-cut',
    summary: `the connection to ${target.host.name} ended while a script ran: what it did is unknown`,
    detail: lossReason(),
    hint: `look again when ${target.host.name} answers: \`lbctl plan\``,
  });
}

function tooMuch({ target }: RunContext, size: string): TransportError {
  return failure('cut', target.host, {
    code: 'output-too-large',
    summary: `a script on ${target.host.name} printed ${size} MB, and the connection was closed: what it did is unknown`,
    hint: `look what printed so much on ${target.host.name} (a login shell, or a program that lbctl calls there: \`ssh ${sshArguments(target)} true | wc -c\`), then \`lbctl plan\``,
  });
}

function stuck({ target }: RunContext, limit: number | 'none'): TransportError {
  return failure('cut', target.host, {
    code: 'step-stuck',
    summary: `a script on ${target.host.name} was still there ${KILL_AFTER + SLACK} s after its limit of ${limit} s: what it did is unknown`,
    hint: `look for processes in state D on ${target.host.name}: \`ps -eo pid,stat,wchan:30,cmd\``,
  });
}
