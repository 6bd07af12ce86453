import type { SourceSpan } from '../../base/diagnostic.js';
import type { Range } from '../limits.js';
import { show } from '../show.js';
import { nearest, suggestion } from '../suggest.js';
import { nameProblem } from '../words.js';
import { type Entry, isBroken, isNull, kindOf, type List } from '../yaml/tree.js';
import type { Context, Located } from './context.js';
import { readBoolean, readChoice, readInteger, readPath, readText } from './scalars.js';

/**
 * A map with a fixed set of keys. Its readers give undefined both for a key that is not there (or says
 * nothing) and for one whose value is wrong; the latter has then been reported. `given` tells them apart.
 */
export class Fields {
  private constructor(
    readonly ctx: Context,
    /** Where to point when something is missing: the key that the map belongs to. */
    readonly span: SourceSpan,
    readonly entries: ReadonlyMap<string, Entry>,
    /** Keys that an unknown one was probably meant to be: they are not missing as well. */
    readonly meant: ReadonlySet<string> = new Set(),
  ) {}

  static empty(ctx: Context, span: SourceSpan): Fields {
    return new Fields(ctx, span, new Map());
  }

  /** Reports unknown keys; a value that says nothing is an empty map; anything but a map gives undefined. */
  static open(ctx: Context, entry: Entry, known: readonly string[]): Fields | undefined {
    const { key, keySpan, value } = entry;
    if (isBroken(value)) return undefined;
    if (isNull(value)) return Fields.empty(ctx, keySpan);
    if (value.kind !== 'map') {
      const message = `${label(key)} must be a map, not ${kindOf(value)}`;
      ctx.problems.error(value.span, 'wrong-type', message, `with the keys ${known.join(', ')}`);
      return undefined;
    }
    const meant = new Set<string>();
    for (const { key: name, keySpan: span } of value.entries.values()) {
      if (known.includes(name)) continue;
      const glued = known.find((each) => name.startsWith(`${each}:`));
      const near = glued ?? nearest(name, known);
      if (near !== undefined) meant.add(near);
      const hint = glued === undefined ? suggestion(name, known) : 'YAML wants a space after the colon';
      ctx.problems.error(span, 'unknown-key', `${show(name)} is not a key of ${label(key)}`, hint);
    }
    return new Fields(ctx, keySpan, value.entries, meant);
  }

  given(key: string): boolean {
    const entry = this.entries.get(key);
    return entry !== undefined && !isNull(entry.value);
  }

  entry(key: string): Entry | undefined {
    return this.given(key) ? this.entries.get(key) : undefined;
  }

  /** As `entry`, but a missing one is an error. */
  required(key: string, owner: string, hint?: string): Entry | undefined {
    const entry = this.entry(key);
    if (entry === undefined && !this.meant.has(key)) {
      const span = this.entries.get(key)?.keySpan ?? this.span;
      this.ctx.problems.error(span, 'missing-key', `${owner} needs "${key}"`, hint);
    }
    return entry;
  }

  integer(key: string, range: Range): Located<number> | undefined {
    const entry = this.entry(key);
    return entry && readInteger(this.ctx, entry.value, key, range);
  }

  boolean(key: string): Located<boolean> | undefined {
    const entry = this.entry(key);
    return entry && readBoolean(this.ctx, entry.value, key);
  }

  choice<T extends string>(key: string, choices: readonly T[]): Located<T> | undefined {
    const entry = this.entry(key);
    return entry && readChoice(this.ctx, entry.value, key, choices);
  }

  text(key: string, problemOf: (text: string) => string | undefined): Located<string> | undefined {
    const entry = this.entry(key);
    return entry && readText(this.ctx, entry.value, key, problemOf);
  }

  path(key: string): Located<string> | undefined {
    const entry = this.entry(key);
    return entry && readPath(this.ctx, entry.value, key);
  }

  fields(key: string, known: readonly string[]): Fields | undefined {
    const entry = this.entry(key);
    return entry && Fields.open(this.ctx, entry, known);
  }

  texts(key: string, problemOf: (text: string) => string | undefined): Located<string>[] {
    const entry = this.entry(key);
    const list = entry && readList(this.ctx, entry);
    return (list?.items ?? []).flatMap((item) => readText(this.ctx, item, key, problemOf) ?? []);
  }

  /** The entries of a map with free names, without those whose name is not one. */
  named(key: string): Entry[] {
    const entry = this.entry(key);
    return entry === undefined ? [] : readNamed(this.ctx, entry);
  }
}

export function readList(ctx: Context, entry: Entry): List | undefined {
  const { key, value } = entry;
  if (value.kind === 'list') return value;
  if (isBroken(value)) return undefined;
  const hint = value.kind === 'scalar' ? `put it in brackets: ${key}: [${show(value.text)}]` : undefined;
  ctx.problems.error(value.span, 'wrong-type', `"${key}" must be a list, not ${kindOf(value)}`, hint);
  return undefined;
}

export function readNamed(ctx: Context, entry: Entry): Entry[] {
  const { key, value } = entry;
  if (isBroken(value)) return [];
  if (value.kind !== 'map') {
    const message = `"${key}" must be a map from names, not ${kindOf(value)}`;
    ctx.problems.error(value.span, 'wrong-type', message, 'as in "NAME: …", one for each');
    return [];
  }
  return [...value.entries.values()].filter(({ key: name, keySpan, value: inner }) => {
    const problem = nameProblem(name);
    if (problem === undefined) return true;
    const hint = isNull(inner) && name.includes(':') ? 'YAML wants a space after the colon' : undefined;
    ctx.problems.error(keySpan, 'bad-name', `the name ${show(name)} ${problem}`, hint);
    return false;
  });
}

function label(key: string): string {
  return key === '' ? 'an inventory' : show(key);
}
