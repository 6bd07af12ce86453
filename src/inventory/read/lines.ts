import type { SourceSpan } from '../../base/diagnostic.js';
import { BALANCE, freeLineProblem, partOfLineProblem, splitLine } from '../haproxy-line.js';
import { show } from '../show.js';
import { suggestion } from '../suggest.js';
import type { Context, Located } from './context.js';
import type { Fields } from './fields.js';
import { readText } from './scalars.js';

/** Lines of haproxy.cfg as the user wrote them, each ending where it should. */
export function readFreeLines(fields: Fields | undefined, key: string): string[] {
  return fields === undefined ? [] : fields.texts(key, freeLineProblem).map(({ value }) => value);
}

/** What stands behind the key's own word on its line; `keyword` written once more is a mistake. */
export function readDirectives(fields: Fields | undefined, key: string, keyword: string): Located<string>[] {
  if (fields === undefined) return [];
  return fields.texts(key, (text) => {
    const problem = partOfLineProblem(text);
    if (problem !== undefined) return problem;
    return splitLine(text).words[0] === keyword ? `must not repeat the word "${keyword}"` : undefined;
  });
}

/** `acl NAME CRITERION …` */
export function readAcls(fields: Fields | undefined): string[] {
  return readDirectives(fields, 'acl', 'acl').flatMap(({ value, span }) => {
    const [name = '', criterion] = splitLine(value).words;
    const problem = !/^[A-Za-z0-9_.:-]+$/.test(name)
      ? `${show(name)} is not a name for an acl`
      : criterion === undefined
        ? `the acl ${show(name)} has no condition`
        : undefined;
    if (problem === undefined) return [value];
    fields?.ctx.problems.error(span, 'bad-line', problem, 'as in "url_static path_beg /static"');
    return [];
  });
}

/** `use_backend NAME [if|unless CONDITION]` */
export function readUseBackend(fields: Fields | undefined): Located<string>[] {
  return readDirectives(fields, 'use_backend', 'use_backend').filter(({ value, span }) => {
    const [, condition, ...rest] = splitLine(value).words;
    const dynamic = value.trimStart().startsWith('%[');
    if (dynamic || condition === undefined || (/^(?:if|unless)$/.test(condition) && rest.length > 0))
      return true;
    const message = 'behind the backend\'s name comes "if" or "unless" and a condition';
    fields?.ctx.problems.error(span, 'bad-line', message, 'as in "static if url_static"');
    return false;
  });
}

/** An algorithm that HAProxy knows, with its arguments as written. */
export function readBalance(ctx: Context, fields: Fields | undefined): string {
  const entry = fields?.entry('balance');
  const found = entry && readText(ctx, entry.value, 'balance', partOfLineProblem);
  if (found === undefined) return 'roundrobin';
  const [word = ''] = splitLine(found.value).words;
  const [name = ''] = word.split('(', 1);
  const fail = (source: SourceSpan, summary: string, hint?: string): string => {
    ctx.problems.error(source, 'unknown-value', summary, hint);
    return 'roundrobin';
  };
  if (!BALANCE.some((known) => known === name)) {
    const summary = `HAProxy knows no "balance" named ${show(name)}`;
    return fail(found.span, summary, suggestion(name, BALANCE, 'possible'));
  }
  const wants: Record<string, RegExp> = {
    hdr: /^hdr\([^()\s]+\)/,
    url_param: /^url_param\s+\S/,
    hash: /^hash\s+\S/,
    random: /^random(?:\([1-9]\d*\)|\s|$)/,
    'rdp-cookie': /^rdp-cookie(?:\([^()\s]+\)|\s|$)/,
  };
  const form = wants[name] ?? /^[a-z-]+(?:\s|$)/;
  if (form.test(found.value.trim())) return found.value;
  return fail(found.span, `"balance" ${name} is not written as HAProxy takes it: ${show(found.value)}`);
}
