import { type Command, raw, sh } from '../../base/shell.js';

/** In the order in which all of them are made: the gentle ones first. */
export const FAULT_NAMES = [
  'keepalived-stop',
  'haproxy-stop',
  'haproxy-restart',
  'haproxy-kill',
  'haproxy-hang',
  'keepalived-kill',
  'network-cut',
] as const;

export type FaultName = (typeof FAULT_NAMES)[number];

export interface Fault {
  /** For people: what is broken. */
  readonly title: string;
  /** Whether the virtual addresses have to leave the host. `perhaps`: a restart may be quicker than a move. */
  readonly moves: 'always' | 'perhaps';
  /** Changes the host; run by `/bin/sh` as root. */
  readonly make: Command;
  /** Milliseconds after `make` began until the host is broken; 0 where it is not said. */
  readonly delayMs?: number;
  /** Brings it back, however far `make` came and however often it is run. */
  readonly undo: Command;
}

/** What does not depend on the host. A network cut does: `cut.ts`. */
export const SERVICE_FAULTS: Readonly<Record<Exclude<FaultName, 'network-cut'>, Fault>> = {
  'keepalived-stop': {
    title: 'keepalived stopped',
    moves: 'always',
    make: raw('systemctl stop keepalived'),
    undo: startAgain('keepalived'),
  },
  'haproxy-stop': {
    title: 'haproxy stopped',
    moves: 'always',
    make: raw('systemctl stop haproxy'),
    undo: startAgain('haproxy'),
  },
  'haproxy-restart': {
    title: 'haproxy restarted by hand',
    moves: 'perhaps',
    make: raw('systemctl restart haproxy'),
    undo: startAgain('haproxy'),
  },
  'haproxy-kill': {
    title: 'haproxy killed (SIGKILL)',
    moves: 'perhaps',
    make: raw('systemctl kill -s KILL haproxy'),
    undo: startAgain('haproxy'),
  },
  'haproxy-hang': {
    title: 'haproxy hung (SIGSTOP)',
    moves: 'always',
    make: raw('systemctl kill -s STOP haproxy'),
    undo: sh`systemctl kill -s CONT haproxy 2>/dev/null
${startAgain('haproxy')}`,
  },
  'keepalived-kill': {
    title: 'keepalived killed, both processes (SIGKILL)',
    moves: 'perhaps',
    make: raw('systemctl kill -s KILL keepalived'),
    undo: startAgain('keepalived'),
  },
};

/** Also where systemd has given up restarting it. Does nothing to a service that runs. */
function startAgain(service: string): Command {
  return sh`systemctl is-active -q ${service} || { systemctl reset-failed ${service} 2>/dev/null; systemctl start ${service}; }`;
}

export function faultTitle(name: FaultName): string {
  return name === 'network-cut' ? 'cut off from the network' : SERVICE_FAULTS[name].title;
}

/** Roughly how long one round of faults takes: until the takeover, the client's calm, and the way back. */
export function drillSeconds(
  faults: readonly FaultName[],
  { advertInt }: { readonly advertInt: number },
): number {
  return faults.reduce((sum, name) => sum + 8 + (name === 'keepalived-stop' ? 3 : 6) * advertInt, 0);
}
