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
import { RESOURCE_TYPES } from '../resources/registry.js';
import { HANDLERS } from '../resources/types.js';
import { GATES, ORDERS, type Play, type Playbook, type Task } from './model.js';

const PLAY_KEYS = ['play', 'order', 'tasks', 'gates'];
const TASK_KEYS = ['name', 'notify'];

/** A playbook's text to its plays; every mistake at once, each with its place. */
export function parsePlaybook(text: string, file: string, baseDir: string): Result<Playbook, Diagnostic[]> {
  const problems = new Problems();
  const tree = readYaml(new Spans(file, text), {}, problems);
  if (tree === undefined) return err(problems.sorted());
  const context: Context = { problems, places: new Places(), baseDir, home: undefined };
  const plays: Play[] = [];
  if (tree.kind !== 'list') {
    problems.error(tree.span, 'wrong-type', `a playbook is a list of plays, not ${kindOf(tree)}`);
  } else {
    for (const item of tree.items) {
      const play = readPlay(context, item);
      if (play !== undefined) plays.push(play);
    }
  }
  const diagnostics = problems.sorted();
  return hasErrors(diagnostics) ? err(diagnostics) : ok(plays);
}

function entryOf(key: string, value: Tree): Entry {
  return { key, keySpan: value.span, value };
}

function readPlay(context: Context, tree: Tree): Play | undefined {
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
  return { name, order, gates, tasks: items.flatMap((item) => readTask(context, item) ?? []) };
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

function readTask(context: Context, tree: Tree): Task | undefined {
  const types = Object.keys(RESOURCE_TYPES);
  const fields = Fields.open(context, entryOf('task', tree), [...TASK_KEYS, ...types]);
  if (fields === undefined) return undefined;
  const named = types.filter((type) => fields.entries.has(type));
  const [type] = named;
  if (type === undefined || named.length > 1) {
    const found = named.length === 0 ? 'none' : named.join(' and ');
    context.problems.error(
      tree.span,
      'task-type',
      `a task names one resource type, not ${found}`,
      `known: ${types.join(', ')}`,
    );
    return undefined;
  }
  const entry = fields.entries.get(type);
  const args = entry === undefined ? undefined : readArgs(context, type, entry);
  if (args === undefined) return undefined;
  const name = fields.text('name', () => undefined)?.value ?? type;
  return { name, type, args, notify: listOf(context, fields, 'notify', HANDLERS), source: tree.span };
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
