import type { Diagnostic, SourceSpan } from '../base/diagnostic.js';

/** Collects every mistake of one file, so that the user sees all of them at once. */
export class Problems {
  readonly #found = new Map<string, Diagnostic>();

  error(source: SourceSpan, code: string, summary: string, hint?: string): void {
    this.#add({ severity: 'error', code, summary, source, ...(hint === undefined ? {} : { hint }) });
  }

  warn(source: SourceSpan, code: string, summary: string, hint?: string): void {
    this.#add({ severity: 'warning', code, summary, source, ...(hint === undefined ? {} : { hint }) });
  }

  /** In the order of the file. What an alias brings in twice is told once. */
  sorted(): Diagnostic[] {
    return [...this.#found.values()].sort(
      (a, b) =>
        (a.source?.line ?? 0) - (b.source?.line ?? 0) || (a.source?.column ?? 0) - (b.source?.column ?? 0),
    );
  }

  get count(): number {
    return this.#found.size;
  }

  #add(diagnostic: Diagnostic): void {
    const { source, code, summary } = diagnostic;
    this.#found.set(`${source?.line}:${source?.column}:${code}:${summary}`, diagnostic);
  }
}
