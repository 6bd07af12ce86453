import { openSync, writeSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { RunEvent } from '../engine/events.js';
import { createReporter, type Reporter } from '../report/reporter.js';
import type { Transport } from '../transport/types.js';
import { home, useColor, wholeNumber, wrongFlag } from './input.js';
import type { GlobalOptions, Io } from './options.js';

/** Clusters worked on at once where `--parallel` does not say. */
const DEFAULT_PARALLEL = 10;

export async function openTransport(io: Io, emit: (event: RunEvent) => void): Promise<Transport> {
  const { createSshTransport } = await import('../transport/ssh2-transport.js');
  return createSshTransport({
    env: io.env,
    homeDir: home(io.env),
    trace: (event) => {
      if (event.type === 'warning') emit({ event: 'diagnostic', diagnostic: event.diagnostic });
    },
  });
}

/** How to tell a run: JSON, live tasks on a terminal, plain lines elsewhere. */
export function openReporter(options: GlobalOptions, io: Io, mode?: 'lines'): Promise<Reporter> {
  const automatic = options.json === true ? 'json' : io.stderr.isTTY === true ? 'terminal' : 'lines';
  return createReporter({
    mode: mode ?? automatic,
    verbosity: options.quiet === true ? 'quiet' : options.verbose === true ? 'verbose' : 'normal',
    color: useColor(io, options, io.stderr),
    stdout: io.stdout,
    stderr: io.stderr,
  });
}

export function parallelOf(options: GlobalOptions): number {
  return wholeNumber('--parallel', options.parallel, { min: 1, max: 1000 }) ?? DEFAULT_PARALLEL;
}

/** `--timeout`: seconds for one remote step. @throws UserError */
export function stepLimitOf(options: GlobalOptions): number | undefined {
  return wholeNumber('--timeout', options.timeout, { min: 1, max: 86_400 });
}

/** `--log-file`: every event with its time, one JSON object a line, readable by its owner only. @throws UserError */
export function withLogFile(
  emit: (event: RunEvent) => void,
  options: GlobalOptions,
): (event: RunEvent) => void {
  const { logFile } = options;
  if (logFile === undefined) return emit;
  let file: number;
  try {
    file = openSync(logFile, 'a', 0o600);
  } catch (error) {
    throw wrongFlag(
      'log-file',
      `--log-file ${logFile} cannot be written: ${error instanceof Error ? error.message : error}`,
    );
  }
  return (event) => {
    writeSync(file, `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    emit(event);
  };
}

/** Who changes what, as other operators see it in a lock. */
export function whoAmI(): string {
  let name = 'unknown';
  try {
    name = userInfo().username;
  } catch {
    // A user id without a name.
  }
  return `${name}@${hostname()} (process ${process.pid})`;
}
