import { Fields } from '../inventory/read/fields.js';
import type { Entry } from '../inventory/yaml/tree.js';
import type { OwnTask } from '../resources/own-task.js';
import type { PlaybookContext } from './context.js';
import { readLines } from './lines.js';
import { readOwnFile } from './own-file.js';
import { readOwnSysctls } from './own-sysctl.js';
import {
  commandName,
  hostPathProblem,
  packageProblem,
  serviceName,
  shellProblem,
  unitProblem,
} from './own-words.js';

/** Types of tasks that only an operator's own playbook has; `service` and `sysctl` are lbctl's as well. */
export const OWN_TYPES = ['package', 'file', 'command'] as const;

/** Seconds that a command may take where its `timeout` does not say. */
const COMMAND_LIMIT = 300;

/** What a task of an operator's own asks for: several things for several kernel settings, none where it is wrong. */
export function readOwnTask(
  context: PlaybookContext,
  type: string,
  entry: Entry,
  taskName: string | undefined,
): OwnTask[] {
  switch (type) {
    case 'package':
      return one(readPackage(context, entry));
    case 'service':
      return one(readService(context, entry));
    case 'file':
      return one(readOwnFile(context, entry));
    case 'sysctl':
      return readOwnSysctls(context, entry);
    case 'command':
      return one(readCommand(context, entry, taskName));
    default:
      return [];
  }
}

function one(task: OwnTask | undefined): OwnTask[] {
  return task === undefined ? [] : [task];
}

function readPackage(context: PlaybookContext, entry: Entry): OwnTask | undefined {
  const fields = Fields.open(context, entry, ['name', 'state']);
  if (fields === undefined) return undefined;
  fields.required('name', '"package"', 'as in "package: { name: chrony }"');
  fields.choice('state', ['present']);
  const name = fields.text('name', packageProblem)?.value;
  return name === undefined ? undefined : { type: 'package', name };
}

const SERVICE_KEYS = ['name', 'enabled', 'running'];

function readService(context: PlaybookContext, entry: Entry): OwnTask | undefined {
  const fields = Fields.open(context, entry, SERVICE_KEYS);
  if (fields === undefined) return undefined;
  fields.required('name', '"service"', 'as in "service: { name: chronyd }"');
  const name = fields.text('name', unitProblem)?.value;
  const enabled = fields.boolean('enabled')?.value ?? true;
  const running = fields.boolean('running')?.value ?? true;
  return name === undefined ? undefined : { type: 'service', name: serviceName(name), enabled, running };
}

/** lbctl's own two services are always enabled and running. */
export function readOurService(context: PlaybookContext, entry: Entry, name: string): void {
  const fields = Fields.open(context, entry, SERVICE_KEYS);
  for (const key of ['enabled', 'running']) {
    const wish = fields?.boolean(key);
    if (wish?.value !== false) continue;
    const hint = `a pair without ${name} serves nothing; leave "${key}" out`;
    context.problems.error(wish.span, 'bad-value', `"${key}" of ${name} cannot be "no"`, hint);
  }
}

function readCommand(
  context: PlaybookContext,
  entry: Entry,
  taskName: string | undefined,
): OwnTask | undefined {
  const fields = Fields.open(context, entry, ['run', 'creates', 'unless', 'timeout']);
  if (fields === undefined) return undefined;
  const name = taskName === undefined ? '' : commandName(taskName);
  if (name === '') {
    context.problems.error(
      entry.keySpan,
      'missing-key',
      'a task with "command" needs a "name"',
      'plans and recaps call it by that',
    );
  }
  fields.required('run', '"command"');
  const run = readLines(fields, 'run', shellProblem);
  const creates = fields.text('creates', hostPathProblem)?.value;
  const unless = readLines(fields, 'unless', shellProblem);
  const timeout = fields.integer('timeout', { min: 1, max: 86_400 })?.value ?? COMMAND_LIMIT;
  const given = ['creates', 'unless'].filter((key) => fields.given(key));
  if (given.length !== 1 && !fields.meant.has('creates') && !fields.meant.has('unless')) {
    const summary =
      given.length === 0
        ? '"command" needs "creates" or "unless"'
        : '"creates" and "unless" exclude each other';
    const hint =
      'creates: the file that is there afterwards; unless: shell lines that succeed when there is nothing to do';
    const code = given.length === 0 ? 'missing-key' : 'exclusive-keys';
    context.problems.error(fields.entry('unless')?.keySpan ?? entry.keySpan, code, summary, hint);
    return undefined;
  }
  if (name === '' || run === undefined || (creates === undefined && unless === undefined)) return undefined;
  return { type: 'command', name, run, creates: creates ?? null, unless: unless ?? null, timeout };
}
