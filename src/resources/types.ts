import type { Diagnostic } from '../base/diagnostic.js';
import type { Result } from '../base/result.js';
import type { Secret } from '../base/secret.js';
import type { Command } from '../base/shell.js';
import type { Cluster, Host } from '../inventory/model.js';

export interface ProbeOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/**
 * A read-only question to a host: POSIX shell that changes nothing, and a pure parser of its answer. Two
 * resources that ask the same thing use probes of the same key, and the question is asked once.
 */
export interface Probe<F> {
  readonly key: string;
  readonly script: Command;
  /** It uses what `tellUnits` has learnt of that unit, where that ran before. */
  readonly asksUnit?: string;
  /** Runs before the questions that it helps, in the shell that theirs come from: begins what takes its time. The script does without, too. */
  readonly ahead?: Command;
  /** Of no account to what a change has come to: it is asked before one alone. */
  readonly before?: true;
  /** Asked before everything else: its answer is older than all the others. */
  readonly early?: true;
  /** Asked after the others, since its answer takes its time to come. */
  readonly late?: true;
  /** Where several probes have the same, one script asks all their questions. */
  readonly joint?: { readonly by: Joint; readonly about: string };
  /** The error is one sentence: why the answer cannot be understood. */
  parse(output: ProbeOutput): Result<F, string>;
}

/** Questions of one kind that one script asks with fewer processes than each would take by itself. */
export interface Joint {
  /** Of the script, among the keys of probes. */
  readonly key: string;
  script(about: readonly string[]): Command;
  /** What each probe would have been told, by its key; what is not in it was not answered. */
  split(output: ProbeOutput): ReadonlyMap<string, ProbeOutput>;
}

/** A fact that could not be learnt. It makes the plan an error: unknown is never "unchanged". */
export class UnknownFact extends Error {
  override readonly name = 'UnknownFact';
  constructor(
    readonly key: string,
    readonly reason: string,
  ) {
    super(`${key}: ${reason}`);
  }
}

export interface Facts {
  /** @throws UnknownFact */
  need<F>(probe: Probe<F>): F;
}

export type Verb = 'create' | 'update' | 'delete';

/** One shell script, run as root. It fails by a non-zero exit; its whole stderr is shown then. */
export interface Step {
  readonly title: string;
  readonly script: Command;
  /** Seconds; 'none' for a package manager's transaction, which is never ended from here. */
  readonly limit: number | 'none';
  /** What it starts may outlive it, and print. */
  readonly leavesProcesses?: true;
  readonly ahead?: CheckedAhead;
  /** systemd reads all unit files anew by it. */
  readonly rereadsUnits?: true;
}

/** The shell variable that names the file whose check passed in the same script just before: its step leaves the check out. */
export const CHECKED = 'lbctl_checked';

/** How a step that checks a file before it puts it in its place can be made in two parts. */
export interface CheckedAhead {
  /** The file. */
  readonly path: string;
  /** Checks the same content on the same host, and leaves nothing behind. */
  readonly check: Command;
  /** The step without its check. */
  readonly checked: Command;
}

/** lbctl's own handlers in the order in which they run. */
export const HANDLERS = ['reload haproxy', 'reload keepalived'] as const;
/** Besides them, those of services that an operator's own tasks name; they run after lbctl's. */
export type HandlerName = (typeof HANDLERS)[number] | `restart ${string}` | `reload ${string}`;

/**
 * How a change of a running pair must be made. `together`: hosts with the old and the new configuration would
 * both hold the addresses, so the standby's keepalived is down while the active host changes. `anew`: the same, and
 * keepalived takes its instance for another one: it drops the addresses and would hold an election for them.
 */
export type Coordination = 'independent' | 'together' | 'anew';

/** What one resource would change on one host: a value; secrets in it print as asterisks. */
export interface Change {
  readonly resource: string;
  readonly title: string;
  readonly verb: Verb;
  readonly reason: string;
  readonly diff: string | null;
  readonly steps: readonly Step[];
  /** What this change itself asks for; the task's own `notify` comes on top, unless the change is silent. */
  readonly notify: readonly HandlerName[];
  /** Nothing that a running service would read differently: a file's mode, say. */
  readonly silent: boolean;
  readonly coordination: Coordination;
  /** Said prominently when it happens: a protection that is switched off. */
  readonly notice: string | null;
  /** Of keepalived.conf: what happens to the virtual addresses that an instance has. */
  readonly addresses: 'added' | 'removed' | 'replaced' | null;
  /** Restarts HAProxy or keepalived, which run: the host's addresses have to be elsewhere meanwhile. */
  readonly restarts: boolean;
  /** Services that this change starts or restarts: a reload notified beside it is superfluous. */
  readonly starts: readonly string[];
}

export interface Planned {
  readonly change: Change | null;
  readonly problems: readonly Diagnostic[];
}

/** What of a host an operator's own task may replace: copied into a generation before it is overwritten. */
export interface Keeps {
  readonly paths?: readonly string[];
  readonly services?: readonly string[];
  readonly packages?: readonly string[];
  /** Files below /proc/sys. */
  readonly sysctls?: readonly string[];
}

/** One thing on one host that should be in a certain state. `plan` is pure. */
export interface Resource {
  readonly id: string;
  /** Besides what every generation holds. */
  readonly keeps?: Keeps;
  readonly probes: readonly Probe<unknown>[];
  /** @throws UnknownFact where what it needs could not be learnt */
  plan(facts: Facts): Planned;
}

/** What a resource is made for. */
export interface ResourceContext {
  readonly cluster: Cluster;
  readonly host: Host;
  /** Resolved `auth_pass` by instance name. */
  readonly authPass: ReadonlyMap<string, Secret>;
  /** Files that a service reads besides its own configuration: the playbook's tasks that notify it. */
  readonly watches?: readonly Watch[];
  /** Addresses of hosts that have left the inventory and need not be remembered any longer. */
  readonly forgotten?: ReadonlySet<string>;
}

/** A file that a service reads, and what makes it read it again. */
export interface Watch {
  readonly path: string;
  readonly handler: HandlerName;
}

export const NOTHING: Planned = { change: null, problems: [] };

export function planned(
  change: Pick<Change, 'resource' | 'title' | 'verb' | 'reason' | 'steps'> & Partial<Change>,
): Planned {
  return {
    change: {
      diff: null,
      notify: [],
      silent: false,
      coordination: 'independent',
      notice: null,
      addresses: null,
      restarts: false,
      starts: [],
      ...change,
    },
    problems: [],
  };
}

export function refused(...problems: Diagnostic[]): Planned {
  return { change: null, problems };
}
