import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  Parser,
} from 'yaml';
import { MAX_ALIASED_NODES, MAX_DEPTH } from '../limits.js';
import type { Problems } from '../problems.js';
import { looksLikeUnquotedAddress, QUOTE_HINT, yamlMessage } from './messages.js';
import type { Spans } from './spans.js';
import { findTooDeep, findUnclosed } from './tokens.js';

/** A YAML document without syntax errors, and what each of its aliases stands for. */
export interface ParsedDocument {
  readonly root: Node | null;
  readonly targets: ReadonlyMap<Node, Node>;
}

/** Reads the one document in the text; reports and gives undefined where that cannot be done. */
export function parseDocument(spans: Spans, problems: Problems): ParsedDocument | undefined {
  const { text } = spans;
  const tokens = [...new Parser().parse(text)];
  // The composer works recursively: without this, brackets by the thousand end the whole process.
  const tooDeep = findTooDeep(tokens);
  if (tooDeep !== undefined) {
    problems.error(
      spans.at(tooDeep, tooDeep + 1),
      'yaml-too-deep',
      `nested more than ${MAX_DEPTH} levels deep`,
    );
    return undefined;
  }
  const second = tokens.filter((token) => token.type === 'document')[1];
  if (second !== undefined) {
    const message = 'a second YAML document starts here; an inventory is one';
    problems.error(spans.at(second.offset, second.offset + 3), 'yaml-several-documents', message);
    return undefined;
  }
  // Every scalar stays the text it is: `0123456` a password, `2.10` a version.
  const composer = new Composer({
    schema: 'failsafe',
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const document = [...composer.compose(tokens, true, text.length)][0];
  if (document === undefined || reportSyntax(document, tokens, spans, problems)) return undefined;
  const targets = resolveAliases(document.contents, spans, problems);
  return targets === undefined ? undefined : { root: document.contents, targets };
}

/** A file with more than these is not YAML at all. */
const MAX_SYNTAX_ERRORS = 20;

/** True if there was any syntax error. */
function reportSyntax(
  document: Document.Parsed,
  tokens: readonly CST.Token[],
  spans: Spans,
  problems: Problems,
): boolean {
  const all = [...document.errors, ...document.warnings];
  if (all.length === 0) return false;
  const tabs = all.filter(({ code }) => code === 'TAB_AS_INDENT');
  const open = tabs.length === 0 ? findUnclosed(tokens) : undefined;
  if (open !== undefined) {
    const { offset, what } = open;
    problems.error(spans.at(offset, offset + 1), 'yaml-syntax', `this ${what} is not closed`);
    return true;
  }
  // A tab spoils the structure of all that follows, and the first error of a line causes the others.
  const lines = new Set<number>();
  for (const { code, message, pos } of tabs.length > 0 ? tabs : all) {
    const span = spans.at(pos[0], pos[1]);
    if (lines.has(span.line)) continue;
    if (lines.size === MAX_SYNTAX_ERRORS) break;
    lines.add(span.line);
    const { summary, hint } = yamlMessage(code, message, spans.line(span.line));
    problems.error(span, code === 'TAB_AS_INDENT' ? 'yaml-tab' : 'yaml-syntax', summary, hint);
  }
  return true;
}

interface Measure {
  readonly size: number;
  readonly depth: number;
}

/**
 * Finds what every alias stands for. Undefined when they refer to themselves or multiply into a document too
 * large to walk: nothing else can be said about it then.
 */
function resolveAliases(root: Node | null, spans: Spans, problems: Problems): Map<Node, Node> | undefined {
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  const measures = new Map<Node, Measure>();
  let aliased = 0;
  let failed = false;
  const fail = (node: Node, code: string, summary: string): Measure => {
    // One is enough: the others are its consequences.
    if (!failed) problems.error(spans.at(...rangeOf(node)), code, summary);
    failed = true;
    return { size: 1, depth: 1 };
  };
  const visit = (node: unknown): Measure => {
    if (failed) return { size: 1, depth: 1 };
    if (isPair(node)) return combine([visit(node.key), visit(node.value)], 0);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined) {
        const line = spans.line(spans.at(...rangeOf(node)).line);
        const hint = looksLikeUnquotedAddress(line) ? QUOTE_HINT : undefined;
        const summary = `no anchor named "${node.source}" stands before this alias`;
        problems.error(spans.at(...rangeOf(node)), 'yaml-unknown-alias', summary, hint);
        return { size: 1, depth: 1 };
      }
      targets.set(node, target);
      const measure = measures.get(target);
      if (measure === undefined)
        return fail(node, 'yaml-alias-cycle', 'an alias inside the value it stands for');
      aliased += measure.size;
      if (aliased > MAX_ALIASED_NODES) {
        const summary = `aliases make this document larger than ${MAX_ALIASED_NODES} values`;
        return fail(node, 'yaml-alias-bomb', summary);
      }
      if (measure.depth > MAX_DEPTH) {
        return fail(node, 'yaml-too-deep', `nested more than ${MAX_DEPTH} levels deep`);
      }
      return measure;
    }
    if (!isScalar(node) && !isCollection(node)) return { size: 0, depth: 0 };
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (!isCollection(node)) return keep(node, { size: 1, depth: 1 });
    return keep(node, combine(node.items.map(visit), 1));
  };
  const keep = (node: Node, measure: Measure): Measure => {
    measures.set(node, measure);
    return measure;
  };
  visit(root);
  return failed ? undefined : targets;
}

function combine(parts: readonly Measure[], own: number): Measure {
  let size = own;
  let depth = 0;
  for (const part of parts) {
    size += part.size;
    depth = Math.max(depth, part.depth);
  }
  return { size, depth: depth + own };
}

/** From and to, as offsets into the text. */
export function rangeOf(node: Node): [number, number] {
  return node.range ? [node.range[0], node.range[1]] : [0, 0];
}

export { isAlias, isMap, isScalar, isSeq, type Node };
