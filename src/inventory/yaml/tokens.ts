import type { CST } from 'yaml';
import { MAX_DEPTH } from '../limits.js';

interface Visit {
  readonly token: CST.Token;
  readonly depth: number;
}

/** Every token, without recursion: brackets by the thousand must not end the process. */
function* walk(tokens: readonly CST.Token[]): Generator<Visit> {
  const waiting: Visit[] = [];
  for (const token of tokens) waiting.push({ token, depth: 0 });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    const { token, depth } = next;
    if (token.type === 'document' && token.value) waiting.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const item of token.items) {
      if (item.key) waiting.push({ token: item.key, depth: depth + 1 });
      if (item.value) waiting.push({ token: item.value, depth: depth + 1 });
    }
  }
}

/** Offset of a token that is nested deeper than any inventory, if there is one. */
export function findTooDeep(tokens: readonly CST.Token[]): number | undefined {
  for (const { token, depth } of walk(tokens)) if (depth > MAX_DEPTH) return token.offset;
  return undefined;
}

export interface Unclosed {
  readonly offset: number;
  readonly what: 'quote' | 'bracket';
}

/**
 * The quote or bracket that is opened and not closed, which the parser notices only much later. A quote
 * swallows brackets; of several brackets the innermost is the one that was forgotten.
 */
export function findUnclosed(tokens: readonly CST.Token[]): Unclosed | undefined {
  let found: Unclosed | undefined;
  for (const { token } of walk(tokens)) {
    const what = isOpenQuote(token) ? 'quote' : isOpenBracket(token) ? 'bracket' : undefined;
    if (what === undefined || (found?.what === 'quote' && what === 'bracket')) continue;
    const overrules = found?.what === 'bracket' && what === 'quote';
    if (found === undefined || overrules || token.offset > found.offset)
      found = { offset: token.offset, what };
  }
  return found;
}

function isOpenQuote(token: CST.Token): boolean {
  if (token.type === 'double-quoted-scalar') return !/^"(?:[^"\\]|\\[\s\S])*"$/.test(token.source);
  return token.type === 'single-quoted-scalar' && !/^'(?:[^']|'')*'$/.test(token.source);
}

function isOpenBracket(token: CST.Token): boolean {
  if (token.type !== 'flow-collection') return false;
  const end = token.start.type === 'flow-map-start' ? 'flow-map-end' : 'flow-seq-end';
  return !token.end.some(({ type }) => type === end);
}
