import type { SourceSpan } from '../base/diagnostic.js';
import { type Fields, readList } from '../inventory/read/fields.js';
import { readText } from '../inventory/read/scalars.js';
import { show } from '../inventory/show.js';
import { nearest } from '../inventory/suggest.js';
import { sysctlFile } from '../resources/own-sysctl.js';
import { type OwnTask, ownTaskId } from '../resources/own-task.js';
import { HANDLERS, type HandlerName, type Watch } from '../resources/types.js';
import type { PlaybookContext } from './context.js';
import type { Play, Task } from './model.js';
import { serviceName } from './own-words.js';

/** A handler that a task named, to be looked up once all tasks are read. */
export interface Notified {
  readonly handler: HandlerName;
  readonly span: SourceSpan;
}

const FORM = /^(restart|reload) +(\S+)$/;

/** `notify: [reload haproxy, restart SERVICE]`; which services there are is not known yet. */
export function readNotify(context: PlaybookContext, fields: Fields): Notified[] {
  const entry = fields.entry('notify');
  const list = entry && readList(context, entry);
  return (list?.items ?? []).flatMap((item): Notified[] => {
    const text = readText(context, item, 'notify', () => undefined);
    if (text === undefined) return [];
    const [, verb, service] = FORM.exec(text.value) ?? [];
    if ((verb === 'restart' || verb === 'reload') && service !== undefined) {
      return [{ handler: `${verb} ${serviceName(service)}`, span: text.span }];
    }
    const near = nearest(text.value, HANDLERS);
    const known = [...HANDLERS, 'restart SERVICE', 'reload SERVICE'];
    const hint = near === undefined ? `possible: ${known.join(', ')}` : `did you mean "${near}"?`;
    context.problems.error(text.span, 'unknown-value', `"notify" cannot be ${show(text.value)}`, hint);
    return [];
  });
}

/** A handler needs a task that names its service, and that does not keep it stopped. */
export function checkHandlers(
  context: PlaybookContext,
  notified: readonly Notified[],
  tasks: readonly Task[],
): void {
  const own = tasks.flatMap(({ own, source }) => (own?.type === 'service' ? [{ ...own, source }] : []));
  const known = [...HANDLERS, ...own.flatMap(({ name }) => [`restart ${name}`, `reload ${name}`])];
  for (const { handler, span } of notified) {
    if (HANDLERS.some((it) => it === handler)) continue;
    const service = handler.slice(handler.indexOf(' ') + 1);
    const task = own.find(({ name }) => name === service);
    const fail = (summary: string, hint: string | undefined) =>
      context.problems.error(span, 'unknown-handler', summary, hint);
    if (service === 'haproxy' || service === 'keepalived') {
      fail(`${service} is reloaded, never restarted: a restart is an outage`, `write "reload ${service}"`);
    } else if (task === undefined) {
      const near = nearest(handler, known);
      const add = `add a task with "service: { name: ${service} }"`;
      const hint = near === undefined ? add : `did you mean "${near}"?`;
      fail(`no task of this playbook names the service ${show(service)}`, hint);
    } else if (!task.running) {
      fail(`${show(handler)} would start what line ${task.source.line} keeps stopped`, undefined);
    }
  }
}

/** Two tasks with a say in the same thing would change it to and fro. */
export function checkTwice(context: PlaybookContext, tasks: readonly Task[]): void {
  const first = new Map<string, Task>();
  for (const task of tasks) {
    if (task.own === undefined) continue;
    const key = task.own.type === 'sysctl' ? sysctlFile(task.own.key) : ownTaskId(task.own);
    const before = first.get(key);
    if (before === undefined) first.set(key, task);
    else {
      const summary = `${ownTaskId(task.own)} is there twice`;
      context.problems.error(task.source, 'duplicate-task', summary, `first at line ${before.source.line}`);
    }
  }
}

/** Tells every service which files it reads: those of tasks that notify it. */
export function withWatches(plays: readonly Play[]): Play[] {
  const watches = new Map<string, Watch[]>();
  for (const { own, notify } of plays.flatMap((play) => play.tasks)) {
    const path = pathOf(own);
    if (path === null) continue;
    for (const handler of notify) {
      const service = handler.slice(handler.indexOf(' ') + 1);
      watches.set(service, [...(watches.get(service) ?? []), { path, handler }]);
    }
  }
  return plays.map((play) => ({
    ...play,
    tasks: play.tasks.map((task): Task => {
      const service =
        task.own?.type === 'service' ? task.own.name : task.type === 'service' ? task.args.name : undefined;
      const found = service === undefined ? undefined : watches.get(service);
      return found === undefined ? task : { ...task, watches: found };
    }),
  }));
}

function pathOf(own: OwnTask | undefined): string | null {
  return own?.type === 'file' ? own.path : null;
}
