import type { Fields } from '../inventory/read/fields.js';
import { readScalar } from '../inventory/read/scalars.js';

/**
 * A text of one line or many, as it stands; undefined where it is not there or wrong. `problemOf` sees it whole; a
 * message shows none of it, for it may hold a secret.
 */
export function readLines(
  fields: Fields,
  key: string,
  problemOf: (text: string) => string | undefined,
): string | undefined {
  const entry = fields.entry(key);
  const scalar = entry && readScalar(fields.ctx, entry.value, key);
  if (scalar === undefined) return undefined;
  const problem = problemOf(scalar.text);
  if (problem === undefined) return scalar.text;
  fields.ctx.problems.error(scalar.span, 'bad-value', `"${key}" ${problem}`);
  return undefined;
}
