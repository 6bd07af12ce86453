import type { SourceSpan } from '../base/diagnostic.js';

/**
 * Where in the file each field of a model object was written. Kept beside the model, because only the checks
 * need it. A field that the file leaves to its default, or gets wrong, has no place.
 */
export class Places {
  readonly #spans = new WeakMap<object, Map<string, SourceSpan>>();

  set(owner: object, field: string, span: SourceSpan | undefined): void {
    if (span === undefined) return;
    const spans = this.#spans.get(owner) ?? new Map<string, SourceSpan>();
    spans.set(field, span);
    this.#spans.set(owner, spans);
  }

  get(owner: object, field: string): SourceSpan | undefined {
    return this.#spans.get(owner)?.get(field);
  }

  /** The field's place, else its owner's. */
  of(owner: { readonly source: SourceSpan }, field: string): SourceSpan {
    return this.get(owner, field) ?? owner.source;
  }

  has(owner: object, field: string): boolean {
    return this.get(owner, field) !== undefined;
  }
}
