import { type Diagnostic, hasErrors } from '../base/diagnostic.js';
import { err, ok, type Result } from '../base/result.js';
import { Places } from '../inventory/places.js';
import { Problems } from '../inventory/problems.js';
import type { Context } from '../inventory/read/context.js';
import { Fields } from '../inventory/read/fields.js';
import { readChoice } from '../inventory/read/scalars.js';
import { show } from '../inventory/show.js';
import { suggestion } from '../inventory/suggest.js';
import { readYaml } from '../inventory/yaml/read.js';
import { Spans } from '../inventory/yaml/spans.js';
import { type Entry, isNull, kindOf, type Tree } from '../inventory/yaml/tree.js';
import { ownTaskId } from '../resources/own-task.js';
import { RESOURCE_TYPES } from '../resources/registry.js';
import type { PlaybookContext, ReadSource } from './context.js';
import { checkHandlers, checkTwice, type Notified, readNotify, withWatches } from './links.js';
import { GATES, ORDERS, type Play, type Playbook, type Task } from './model.js';
import { OWN_TYPES, readOurService, readOwnTask } from './own-task.js';
import { serviceName } from './own-words.js';

const PLAY_KEYS = ['play', 'order', 'tasks', 'gates'];
const TASK_KEYS = ['name', 'notify'];

export interface ParseOptions {
  /** What `~` stands for. */
  readonly home?: string | undefined;
  /** Reads what `source` names; default: nothing can be read. */
  readonly readSource?: ReadSource;
}

function noSources(): Result<Buffer, string> {
  return err('cannot be read here');
}

/** A playbook's text to its plays; every mistake at once, each with its place. */
export function parsePlaybook(
  text: string,
  file: string,
  baseDir: string,
  options: ParseOptions = {},
): Result<Playbook, Diagnostic[]> {
  const problems = new Problems();
  const tree = readYaml(new Spans(file, text), null, problems);
  if (tree === undefined) return err(problems.sorted());
  const { home, readSource = noSources } = options;
  const context: PlaybookContext = { problems, places: new Places(), baseDir, home, readSource };
  const plays: Play[] = [];
  const notified: Notified[] = [];
  if (tree.kind !== 'list') {
    problems.error(tree.span, 'wrong-type', `a playbook is a list of plays, not ${kindOf(tree)}`);
  } else {
    for (const item of tree.items) {
      const play = readPlay(context, item, notified);
      if (play !== undefined) plays.push(play);
    }
  }
  const tasks = plays.flatMap((play) => play.tasks);
  checkHandlers(context, notified, tasks);
  checkTwice(context, tasks);
  const diagnostics = problems.sorted();
  return hasErrors(diagnostics) ? err(diagnostics) : ok(withWatches(plays));
}

function entryOf(key: string, value: Tree): Entry {
  return { key, keySpan: value.span, value };
}

function readPlay(context: PlaybookContext, tree: Tree, notified: Notified[]): Play | undefined {
  const fields = Fields.open(context, entryOf('play', tree), PLAY_KEYS);
  if (fields === undefined) return undefined;
  fields.required('play', 'a play', 'its name, as in "play: prepare"');
  const name = fields.text('play', () => undefined)?.value ?? '';
  const order = fields.choice('order', ORDERS)?.value ?? 'parallel';
  const gates = listOf(context, fields, 'gates', GATES);
  const tasks = fields.required('tasks', 'a play');
  if (tasks !== undefined && tasks.value.kind !== 'list') {
    context.problems.error(
      tasks.value.span,
      'wrong-type',
      `"tasks" must be a list, not ${kindOf(tasks.value)}`,
    );
  }
  const items = tasks?.value.kind === 'list' ? tasks.value.items : [];
  return { name, order, gates, tasks: items.flatMap((item) => readTask(context, item, notified)) };
}

function listOf<T extends string>(context: Context, fields: Fields, key: string, choices: readonly T[]): T[] {
  const entry = fields.entry(key);
  if (entry === undefined) return [];
  if (entry.value.kind !== 'list') {
    context.problems.error(
      entry.value.span,
      'wrong-type',
      `"${key}" must be a list, not ${kindOf(entry.value)}`,
    );
    return [];
  }
  return entry.value.items.flatMap((item) => readChoice(context, item, key, choices)?.value ?? []);
}

function readTask(context: PlaybookContext, tree: Tree, notified: Notified[]): Task[] {
  const types = [...Object.keys(RESOURCE_TYPES), ...OWN_TYPES];
  const fields = Fields.open(context, entryOf('task', tree), [...TASK_KEYS, ...types]);
  if (fields === undefined) return [];
  const named = types.filter((type) => fields.entries.has(type));
  const handlers = readNotify(context, fields);
  notified.push(...handlers);
  const title = fields.text('name', (text) => (/[\r\n]/.test(text) ? 'must be one line' : undefined))?.value;
  const [type] = named;
  const entry = type === undefined ? undefined : fields.entries.get(type);
  if (type === undefined || entry === undefined || named.length > 1) {
    // An unknown key that is nearly a type has been answered already.
    if (named.length === 0 && types.some((it) => fields.meant.has(it))) return [];
    const found = named.length === 0 ? 'none' : named.join(' and ');
    context.problems.error(
      tree.span,
      'task-type',
      `a task names one resource type, not ${found}`,
      `known: ${types.join(', ')}`,
    );
    return [];
  }
  const about = { type, notify: handlers.map(({ handler }) => handler), source: tree.span };
  const ourService = type === 'service' ? ourServiceName(entry.value) : undefined;
  if (ourService !== undefined) {
    readOurService(context, entry, ourService);
    return [{ ...about, name: title ?? type, args: { name: ourService } }];
  }
  if (isOwn(type, entry.value)) {
    return readOwnTask(context, type, entry, title).map((own) => ({
      ...about,
      name: title ?? ownTaskId(own),
      args: {},
      own,
    }));
  }
  const args = readArgs(context, type, entry);
  return args === undefined ? [] : [{ ...about, name: title ?? type, args }];
}

/** `service` of haproxy and keepalived and `sysctl: {}` are lbctl's, with all that it knows of them. */
function isOwn(type: string, value: Tree): boolean {
  if (type === 'sysctl') return !isNull(value) && (value.kind !== 'map' || value.entries.size > 0);
  return type === 'service' || OWN_TYPES.some((it) => it === type);
}

function ourServiceName(value: Tree): string | undefined {
  const name = value.kind === 'map' ? value.entries.get('name')?.value : undefined;
  const text = name?.kind === 'scalar' ? serviceName(name.text) : undefined;
  return text === 'haproxy' || text === 'keepalived' ? text : undefined;
}

function readArgs(context: Context, type: string, entry: Entry): Record<string, string> | undefined {
  const wanted = RESOURCE_TYPES[type]?.args ?? {};
  const fields = Fields.open(context, entry, Object.keys(wanted));
  if (fields === undefined) return undefined;
  const args: Record<string, string> = {};
  for (const [key, choices] of Object.entries(wanted)) {
    const value = fields.required(key, show(type))?.value;
    if (value === undefined || isNull(value)) return undefined;
    if (value.kind !== 'scalar' || !choices.includes(value.text)) {
      const hint = value.kind === 'scalar' ? suggestion(value.text, choices) : `known: ${choices.join(', ')}`;
      context.problems.error(value.span, 'bad-value', `"${key}" must be one of ${choices.join(', ')}`, hint);
      return undefined;
    }
    args[key] = value.text;
  }
  return args;
}
