import { unreachable } from '../base/errors.js';
import type { RunEvent } from '../engine/events.js';
import { diagnosticLines } from './diagnostic-lines.js';
import { diffLines } from './diff-lines.js';
import type { Paint } from './paint.js';
import { block, oneLine } from './sanitize.js';
import { count, countChanges, duration, exact, hostList, isHandler, subject } from './words.js';

type EventOf<Name extends RunEvent['event']> = Extract<RunEvent, { event: Name }>;

/**
 * One event as lines for people. The first names its cluster and host; further ones (a diff, a command's output)
 * are indented below it. No control characters, except colours where `paint` has them.
 */
export function eventLines(event: Exclude<RunEvent, EventOf<'summary'>>, paint: Paint): string[] {
  switch (event.event) {
    case 'run':
      return [runLine(event)];
    case 'phase':
      return [phaseLine(event, paint)];
    case 'plan':
      return [line(subject(event.cluster, null), 'plan', countChanges(event.changes))];
    case 'task':
      return [taskLine(event, paint), ...(event.diff ? diffLines(event.diff, paint, '    ') : [])];
    case 'gate':
      return [gateLine(event, paint)];
    case 'notice':
      return [`${subject(event.cluster, event.host)}: ${paint.yellow(oneLine(event.message))}`];
    case 'diagnostic':
      return diagnosticLines(event.diagnostic, paint);
    case 'fault':
      return [faultLine(event, paint)];
    case 'command':
      return commandLines(event, paint);
    default:
      return unreachable(event);
  }
}

function line(...parts: string[]): string {
  return parts.join(': ');
}

function runLine(event: EventOf<'run'>): string {
  const hosts = event.clusters.flatMap(({ name, hosts }) => hosts.map((host) => `${name}/${host}`));
  const where = `${count(event.clusters.length, 'cluster')}, ${count(hosts.length, 'host')}`;
  const names = hosts.length > 0 && hosts.length <= 3 ? ` (${hostList(hosts)})` : '';
  return line(oneLine(event.command), oneLine(event.inventory), where + names);
}

function phaseLine(event: EventOf<'phase'>, paint: Paint): string {
  const state = event.state === 'failed' ? paint.red('failed') : event.state;
  return line(subject(event.cluster, null), event.phase, state, ...detail(event.detail));
}

function taskLine(event: EventOf<'task'>, paint: Paint): string {
  const time = event.duration_ms === undefined ? '' : ` (${duration(event.duration_ms)})`;
  const words = {
    running: 'started',
    done: isHandler(event.resource) ? paint.green('done') : paint.yellow('changed'),
    failed: paint.red('failed'),
    'not-run': paint.dim('not run'),
    unknown: paint.red('outcome unknown'),
  };
  return line(subject(event.cluster, event.host), oneLine(event.resource), words[event.state] + time);
}

function gateLine(event: EventOf<'gate'>, paint: Paint): string {
  const words = { waiting: 'waiting', passed: paint.green('passed'), failed: paint.red('failed') };
  return line(
    subject(event.cluster, event.host),
    `gate ${oneLine(event.gate)}`,
    words[event.state],
    ...detail(event.detail),
  );
}

function faultLine(event: EventOf<'fault'>, paint: Paint): string {
  const words = {
    arming: 'armed',
    made: paint.yellow('broken'),
    noticed: 'noticed',
    'taken-over': paint.green('taken over'),
    undoing: 'undone',
    restored: paint.green('restored'),
    failed: paint.red('failed'),
    impossible: paint.red('cannot be made'),
  };
  const after = event.at_ms === undefined || event.at_ms === 0 ? '' : ` after ${exact(event.at_ms)}`;
  return line(
    subject(event.cluster, event.host),
    `${oneLine(event.fault)}${event.repetition > 1 ? ` (${event.repetition})` : ''}`,
    words[event.state] + after,
    ...detail(event.detail),
  );
}

function detail(text: string | undefined): string[] {
  return text === undefined ? [] : [oneLine(text)];
}

function commandLines(event: EventOf<'command'>, paint: Paint): string[] {
  const exit = event.exit_code === null ? 'no exit code' : `exit ${event.exit_code}`;
  const title = line(
    subject(event.cluster, event.host),
    oneLine(event.title),
    `${event.exit_code === 0 ? exit : paint.red(exit)} (${duration(event.duration_ms)})`,
  );
  const streams = (['script', 'stdout', 'stderr'] as const).filter((name) => event[name].trim() !== '');
  return [title, ...streams.flatMap((name) => [`  ${paint.dim(`${name}:`)}`, ...block(event[name], '    ')])];
}
