import { isAbsolute, join, resolve } from 'node:path';
import type { Range } from '../limits.js';
import { show } from '../show.js';
import { suggestion } from '../suggest.js';
import { pathProblem } from '../words.js';
import { kindOf, type Scalar, type Tree } from '../yaml/tree.js';
import type { Context, Located } from './context.js';

/** Every reader gives undefined for what is wrong, after it has said so. */

export function readScalar(ctx: Context, tree: Tree, key: string, hint?: string): Scalar | undefined {
  if (tree.kind === 'scalar') return tree.broken ? undefined : tree;
  ctx.problems.error(
    tree.span,
    'wrong-type',
    `"${key}" must be a text or a number, not ${kindOf(tree)}`,
    hint,
  );
  return undefined;
}

/** A text that is not empty and in which `problemOf` finds nothing. */
export function readText(
  ctx: Context,
  tree: Tree,
  key: string,
  problemOf: (text: string) => string | undefined,
): Located<string> | undefined {
  const scalar = readScalar(ctx, tree, key);
  if (scalar === undefined) return undefined;
  const { text, span } = scalar;
  const problem = text === '' ? 'is empty' : problemOf(text);
  if (problem === undefined) return { value: text, span };
  ctx.problems.error(span, 'bad-value', `"${key}" ${problem}${text === '' ? '' : `: ${show(text)}`}`);
  return undefined;
}

function whyNoInteger(text: string): string | undefined {
  if (text.length > 40) return undefined;
  if (/^[-+]?0[xob]/i.test(text) || /^[-+]?0\d/.test(text))
    return 'write it as a decimal number without leading zeros';
  if (/^[-+]?\d[\d_,]*[_,]\d+$/.test(text)) return 'leave out the separators between the digits';
  if (/^[-+]?\d+(?:\.\d*)?e[-+]?\d+$/i.test(text)) return 'write all digits out';
  if (/^-?\d+(?:\.\d+)?\s*(?:s|ms|m|sec|seconds?)$/i.test(text))
    return 'the unit is fixed: write the number alone';
  return undefined;
}

export function readInteger(
  ctx: Context,
  tree: Tree,
  key: string,
  range: Range,
): Located<number> | undefined {
  const scalar = readScalar(ctx, tree, key);
  if (scalar === undefined) return undefined;
  const { text, span } = scalar;
  const value = /^(?:0|-?[1-9]\d{0,8})$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return { value, span };
  const message = `"${key}" must be a whole number from ${range.min} to ${range.max}, not ${show(text)}`;
  const code = /^-?\d+$/.test(text) ? 'out-of-range' : 'wrong-type';
  ctx.problems.error(span, code, message, whyNoInteger(text));
  return undefined;
}

/** A decimal number without sign and exponent. */
export function readDecimal(ctx: Context, tree: Tree, key: string): Located<number> | undefined {
  const scalar = readScalar(ctx, tree, key);
  if (scalar === undefined) return undefined;
  const { text, span } = scalar;
  if (/^(?:0|[1-9]\d{0,8})(?:\.\d{1,9})?$/.test(text)) return { value: Number(text), span };
  ctx.problems.error(span, 'wrong-type', `"${key}" must be a number, not ${show(text)}`, whyNoInteger(text));
  return undefined;
}

const BOOLEAN = new Map([
  ['yes', true],
  ['true', true],
  ['no', false],
  ['false', false],
]);

export function readBoolean(ctx: Context, tree: Tree, key: string): Located<boolean> | undefined {
  const scalar = readScalar(ctx, tree, key);
  if (scalar === undefined) return undefined;
  const value = BOOLEAN.get(scalar.text);
  if (value !== undefined) return { value, span: scalar.span };
  const message = `"${key}" must be yes, no, true or false, not ${show(scalar.text)}`;
  ctx.problems.error(scalar.span, 'wrong-type', message);
  return undefined;
}

export function readChoice<T extends string>(
  ctx: Context,
  tree: Tree,
  key: string,
  choices: readonly T[],
): Located<T> | undefined {
  const scalar = readScalar(ctx, tree, key);
  if (scalar === undefined) return undefined;
  const value = choices.find((choice) => choice === scalar.text);
  if (value !== undefined) return { value, span: scalar.span };
  const message = `"${key}" cannot be ${show(scalar.text)}`;
  ctx.problems.error(scalar.span, 'unknown-value', message, suggestion(scalar.text, choices, 'possible'));
  return undefined;
}

/** A file's absolute path: `~` is the user's home, a relative one starts at the inventory's folder. */
export function readPath(ctx: Context, tree: Tree, key: string): Located<string> | undefined {
  const found = readText(ctx, tree, key, pathProblem);
  if (found === undefined) return undefined;
  const { value, span } = found;
  if (value === '~' || value.startsWith('~/')) {
    if (ctx.home !== undefined && isAbsolute(ctx.home))
      return { value: join(ctx.home, value.slice(1)), span };
    ctx.problems.error(span, 'no-home', `"${key}" starts at "~", but HOME is not set`);
    return undefined;
  }
  return { value: resolve(ctx.baseDir, value), span };
}
