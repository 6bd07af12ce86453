import { hostname, userInfo } from 'node:os';
import type { RunEvent } from '../engine/events.js';
import { LOCK_TTL } from '../engine/lock.js';
import type { Inventory } from '../inventory/model.js';
import { createReporter, type Reporter } from '../report/reporter.js';
import { oneLine } from '../report/sanitize.js';
import type { TransportEvent } from '../transport/trace.js';
import type { Transport } from '../transport/types.js';
import { home, useColor, wholeNumber } from './input.js';
import type { GlobalOptions, Io } from './options.js';

export interface TransportNeeds {
  readonly inventory: Inventory;
  readonly options: GlobalOptions;
  readonly emit: (event: RunEvent) => void;
  /** What is drawn on the terminal meanwhile. */
  readonly reporter?: Reporter;
}

/** SSH to the inventory's hosts, with everything that may have to be asked. @throws UserError */
export async function openTransport(io: Io, needs: TransportNeeds): Promise<Transport> {
  const { inventory, options, emit, reporter } = needs;
  const [{ createSshTransport }, { terminalAsk }, { becomePasswords }] = await Promise.all([
    import('../transport/ssh2-transport.js'),
    import('./ask.js'),
    import('./passwords.js'),
  ]);
  const ask =
    options.yes === true
      ? null
      : terminalAsk({
          stderr: io.stderr,
          screen: () => reporter?.screen ?? null,
          interrupt: () => process.kill(process.pid, 'SIGINT'),
        });
  return createSshTransport({
    env: io.env,
    homeDir: home(io.env),
    ask,
    passwords: await becomePasswords(inventory, io, ask),
    trace: (event) => {
      if (event.type === 'warning') emit({ event: 'diagnostic', diagnostic: event.diagnostic });
      else if (options.verbose === true) tellTrace(event, emit);
    },
  });
}

/** For commands that have no reporter: what a connection tells goes to stderr. */
export function emitToStderr(io: Io): (event: RunEvent) => void {
  return (event) => {
    if (event.event === 'diagnostic') {
      const { severity, summary, host } = event.diagnostic;
      io.stderr.write(`${severity}: ${host === undefined ? '' : `${oneLine(host)}: `}${oneLine(summary)}\n`);
    } else if (event.event === 'notice') {
      io.stderr.write(`${oneLine(`${event.cluster}/${event.host}`)}: ${oneLine(event.message)}\n`);
    }
  };
}

/** `-v`: where settings come from, and what connections were made. */
function tellTrace(event: TransportEvent, emit: (event: RunEvent) => void): void {
  const message = traceMessage(event);
  if (message === null || event.type === 'warning') return;
  const [cluster = '', ...host] = event.host.split('/');
  emit({ event: 'notice', cluster, host: host.join('/'), message });
}

function traceMessage(event: TransportEvent): string | null {
  switch (event.type) {
    case 'settings': {
      const { name, settings } = event;
      const shown = settings.map(({ keyword, value, place }) => `${keyword} ${value} (${place})`);
      return `ssh settings of ${name}: ${shown.join(', ')}`;
    }
    case 'connected': {
      const { name, user, address, port, hostKeyType, hostKeyFingerprint, trustedBy, identity } = event;
      const where = address === '' ? name : `${name} (${address} port ${port})`;
      const trust = trustedBy === null ? 'not known before' : `known from ${trustedBy}`;
      const took = `${Math.round(event.durationMs)} ms`;
      return `connected to ${where} as ${user} with ${identity}; host key ${hostKeyType} ${hostKeyFingerprint}, ${trust}; ${took}`;
    }
    case 'retry':
      return `${event.reason}; once more in ${event.delayMs} ms`;
    default:
      return null;
  }
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

/** `--revert-after`: seconds without a sign of life after which a host goes back by itself. @throws UserError */
export function revertAfterOf(options: { readonly revertAfter?: string }): number | null {
  return wholeNumber('--revert-after', options.revertAfter, { min: 20, max: LOCK_TTL - 5 }) ?? null;
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
