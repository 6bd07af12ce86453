import { Secret } from '../../base/secret.js';
import { KEYS } from '../keys.js';
import type { SecretRef } from '../model.js';
import { show } from '../show.js';
import { type Entry, isBroken, kindOf } from '../yaml/tree.js';
import type { Context } from './context.js';
import { Fields } from './fields.js';

const FORM_KEYS: readonly string[] = KEYS.secret;
const FORMS = '{env: NAME}, {file: PATH} or {command: "…"}';

function envNameProblem(name: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? undefined : 'is not the name of an environment variable';
}

function commandProblem(command: string): string | undefined {
  return command.includes('\0') ? 'holds a NUL character' : undefined;
}

/**
 * Where a secret comes from. Every place given here is the key's: a message that shows the line of the value
 * would show the secret.
 */
export function readSecretRef(ctx: Context, entry: Entry): SecretRef | undefined {
  const { key, keySpan: source, value } = entry;
  if (isBroken(value)) return undefined;
  if (value.kind === 'scalar') {
    return { kind: 'literal', value: new Secret(value.text), source };
  }
  if (value.kind === 'list') {
    ctx.problems.error(source, 'wrong-type', `"${key}" must be ${FORMS}, not ${kindOf(value)}`);
    return undefined;
  }
  const fields = Fields.open(ctx, entry, FORM_KEYS);
  if (fields === undefined) return undefined;
  const given = KEYS.secret.filter((form) => fields.given(form));
  if (given.length !== 1) {
    // An unknown key has been reported with the known ones.
    if (given.length > 1 || value.entries.size === 0) {
      ctx.problems.error(source, 'bad-secret', `"${key}" must be exactly one of ${FORMS}`);
    } else if ([...value.entries.keys()].every((name) => FORM_KEYS.includes(name))) {
      ctx.problems.error(source, 'bad-secret', `"${key}" says nothing; it must be ${FORMS}`);
    }
    return undefined;
  }
  const name = fields.text('env', envNameProblem);
  if (name !== undefined) return { kind: 'env', name: name.value, source: name.span };
  const path = fields.path('file');
  if (path !== undefined) return { kind: 'file', path: path.value, source: path.span };
  const command = fields.text('command', commandProblem);
  if (command !== undefined) return { kind: 'command', command: command.value, source: command.span };
  const prompt = fields.boolean('prompt');
  if (prompt?.value === false) {
    ctx.problems.error(prompt.span, 'bad-secret', `"prompt" can only be true`, `leave "${key}" out instead`);
    return undefined;
  }
  return prompt && { kind: 'prompt', source: prompt.span };
}

/** Whether a literal was written into the file itself, instead of taken from the environment. */
export function isWrittenOut(entry: Entry): boolean {
  return entry.value.kind === 'scalar' && !entry.value.substituted;
}

/** A text that may be shown in a message about a literal that is not allowed. */
export function describeLiteral(key: string): string {
  return `${show(key)} cannot be written into the inventory`;
}
