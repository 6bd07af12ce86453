import type { SourceSpan } from '../../base/diagnostic.js';
import type { Problems } from '../problems.js';
import { show } from '../show.js';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedDocument,
  parseDocument,
  rangeOf,
} from './document.js';
import { type Environment, type Substitution, substitute } from './environment.js';
import { looksLikeUnquotedAddress, QUOTE_HINT } from './messages.js';
import type { Spans } from './spans.js';
import type { Entry, List, Mapping, Scalar, Tree } from './tree.js';

/**
 * The text as a tree of located values. Undefined, with the reasons in `problems`, when it is not one YAML
 * document. Where `env` is null, `${NAME}` is nothing but text.
 */
export function readYaml(spans: Spans, env: Environment | null, problems: Problems): Tree | undefined {
  const document = parseDocument(spans, problems);
  if (document === undefined) return undefined;
  return new TreeBuilder(spans, env, problems, document).build();
}

function plainText(text: string): Substitution {
  return { text, substituted: false, missing: [], malformed: [] };
}

const CORE_TAGS = new Set(['tag:yaml.org,2002:str', 'tag:yaml.org,2002:map', 'tag:yaml.org,2002:seq']);

class TreeBuilder {
  /** One tree a node, so that what an alias repeats is converted, and complained about, once. */
  readonly #built = new Map<Node, Tree>();

  constructor(
    readonly spans: Spans,
    readonly env: Environment | null,
    readonly problems: Problems,
    readonly document: ParsedDocument,
  ) {}

  build(): Tree {
    const { root } = this.document;
    if (root === null) return this.#nothing(this.spans.at(0, 0));
    if (!isMap(root)) return this.#convert(root);
    return this.#map(root, true);
  }

  #convert(node: unknown, span?: SourceSpan): Tree {
    if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) {
      return this.#nothing(span ?? this.spans.at(0, 0));
    }
    const known = this.#built.get(node);
    if (known !== undefined) return known;
    const tree = this.#fresh(node, span);
    this.#built.set(node, tree);
    return tree;
  }

  #fresh(node: Node, keySpan?: SourceSpan): Tree {
    const span = this.#span(node);
    if (isAlias(node)) {
      const target = this.document.targets.get(node);
      return target === undefined ? this.#nothing(span, true) : this.#convert(target);
    }
    if ('tag' in node && node.tag !== undefined && !CORE_TAGS.has(node.tag)) {
      this.problems.error(span, 'yaml-tag', 'a tag (! or !!) is not used here');
      return this.#nothing(span, true);
    }
    if (isMap(node)) return this.#map(node, false);
    if (isSeq(node)) return this.#list(node.items, span);
    if (isScalar(node)) return this.#scalar(node, keySpan ?? span);
    return this.#nothing(span, true);
  }

  #list(items: readonly unknown[], span: SourceSpan): List {
    return { kind: 'list', items: items.map((item) => this.#convert(item, span)), span };
  }

  #scalar(node: Node & { readonly value: unknown; readonly type?: string }, keySpan: SourceSpan): Scalar {
    const written = typeof node.value === 'string' ? node.value : '';
    const plain = node.type === undefined || node.type === 'PLAIN';
    const [from, to] = rangeOf(node);
    // `key:` with nothing behind it: the key is what there is to point at.
    const span = from === to ? keySpan : this.spans.at(from, to);
    const { text, substituted, missing, malformed } =
      this.env === null ? plainText(written) : substitute(written, this.env);
    for (const name of new Set(missing)) {
      const hint = `set it, or write \${${name}:-default}`;
      this.problems.error(span, 'env-not-set', `the environment variable ${name} is not set`, hint);
    }
    for (const piece of malformed) {
      const hint = 'the forms are ${NAME} and ${NAME:-default}; $$ is a dollar sign';
      this.problems.error(
        span,
        'env-malformed',
        `${show(piece)} is not a reference to the environment`,
        hint,
      );
    }
    const broken = missing.length > 0 || malformed.length > 0;
    return { kind: 'scalar', text, plain, substituted, broken, span };
  }

  #map(
    node: Node & { readonly items: readonly { key: unknown; value: unknown }[] },
    top: boolean,
  ): Mapping | Scalar {
    const own = new Map<string, SourceSpan>();
    const entries = new Map<string, Entry>();
    const pairs = node.items.flatMap((pair) => {
      const key = this.#key(pair.key);
      if (key === undefined) return [];
      const first = own.get(key.text);
      if (first !== undefined) {
        const hint =
          key.text === '<<'
            ? 'merge several with one list: "<<: [*a, *b]"'
            : `first set at line ${first.line}`;
        this.problems.error(key.span, 'duplicate-key', `the key ${show(key.text)} is there twice`, hint);
        return [];
      }
      own.set(key.text, key.span);
      return [{ key, value: pair.value }];
    });
    for (const { key, value } of pairs) {
      if (key.text === '<<' && key.plain) this.#merge(value, key.span, own, entries);
      // Free for anchors: looked at only where an alias takes something from it.
      else if (top && key.text.startsWith('x-')) continue;
      else entries.set(key.text, { key: key.text, keySpan: key.span, value: this.#convert(value, key.span) });
    }
    const span = this.#span(node);
    // Nothing left of it but keys that were none: what else is wrong with it follows from that.
    if (pairs.length === 0 && node.items.length > 0) return this.#nothing(span, true);
    return { kind: 'map', entries, span };
  }

  #merge(
    value: unknown,
    span: SourceSpan,
    own: ReadonlyMap<string, unknown>,
    into: Map<string, Entry>,
  ): void {
    const tree = this.#convert(value, span);
    for (const source of tree.kind === 'list' ? tree.items : [tree]) {
      if (source.kind === 'scalar' && source.broken) continue;
      if (source.kind !== 'map') {
        this.problems.error(span, 'bad-merge', '"<<" takes a map, or a list of maps', 'as in "<<: *name"');
        continue;
      }
      for (const [key, entry] of source.entries) if (!own.has(key) && !into.has(key)) into.set(key, entry);
    }
  }

  #key(
    node: unknown,
  ): { readonly text: string; readonly plain: boolean; readonly span: SourceSpan } | undefined {
    if (isScalar(node) && typeof node.value === 'string') {
      return { text: node.value, plain: node.type === 'PLAIN', span: this.#span(node) };
    }
    const span = isMap(node) || isSeq(node) || isAlias(node) ? this.#span(node) : this.spans.at(0, 0);
    const hint = looksLikeUnquotedAddress(this.spans.line(span.line)) ? QUOTE_HINT : undefined;
    this.problems.error(span, 'bad-key', 'a key must be a plain text', hint);
    return undefined;
  }

  #nothing(span: SourceSpan, broken = false): Scalar {
    return { kind: 'scalar', text: '', plain: true, substituted: false, broken, span };
  }

  #span(node: Node): SourceSpan {
    return this.spans.at(...rangeOf(node));
  }
}
