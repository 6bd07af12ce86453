import { hostname, userInfo } from 'node:os';
import { createReporter, type Reporter } from '../report/reporter.js';
import type { Transport } from '../transport/types.js';
import type { RunEvent } from '../engine/events.js';
import { home, useColor, wholeNumber } from './input.js';
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
