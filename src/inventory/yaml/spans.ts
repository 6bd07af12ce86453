import type { SourceSpan } from '../../base/diagnostic.js';

/** Turns offsets into places: 1-based lines and columns, cut at the end of the line. */
export class Spans {
  readonly #starts: number[] = [0];

  constructor(
    readonly file: string,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  at(from: number, to: number): SourceSpan {
    const start = Math.max(0, Math.min(from, this.text.length));
    const index = this.#lineOf(start);
    const lineStart = this.#starts[index] ?? 0;
    const end = Math.min(Math.max(to, start), lineStart + this.line(index + 1).length);
    return {
      file: this.file,
      line: index + 1,
      column: start - lineStart + 1,
      length: Math.max(1, end - start),
    };
  }

  /** The line's text without its break; lines count from 1. */
  line(number: number): string {
    const start = this.#starts[number - 1];
    if (start === undefined) return '';
    const next = this.#starts[number];
    return this.text.slice(start, next === undefined ? undefined : next - 1).replace(/\r$/, '');
  }

  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
