import type { SourceSpan } from '../../base/diagnostic.js';

/** A text as it was written; the reader of its key decides what it means. */
export interface Scalar {
  readonly kind: 'scalar';
  readonly text: string;
  /** Written without quotes: only then can it mean "nothing". */
  readonly plain: boolean;
  /** Part of the text came from the environment. */
  readonly substituted: boolean;
  /** A mistake in it has been reported; whatever is wrong with it besides follows from that. */
  readonly broken: boolean;
  readonly span: SourceSpan;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly span: SourceSpan;
}

export interface Entry {
  readonly key: string;
  readonly keySpan: SourceSpan;
  readonly value: Tree;
}

export interface Mapping {
  readonly kind: 'map';
  /** In the order of the file, merges where their `<<` stands. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly span: SourceSpan;
}

/** A YAML document with aliases, merges and environment variables already put in. */
export type Tree = Scalar | List | Mapping;

/** `key:`, `key: ~` and `key: null` say that nothing is set. */
export function isNull(tree: Tree): boolean {
  return (
    tree.kind === 'scalar' &&
    tree.plain &&
    !tree.substituted &&
    !tree.broken &&
    /^(?:|~|null|Null|NULL)$/.test(tree.text)
  );
}

export function isBroken(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.broken;
}

/** What a tree is, in the words of a message. */
export function kindOf(tree: Tree): string {
  if (isNull(tree)) return 'nothing';
  return { scalar: 'a text', list: 'a list', map: 'a map' }[tree.kind];
}
