import { StringDecoder } from 'node:string_decoder';

/** Makes lines of what arrives in pieces. What stands behind the last line feed is no line yet. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** How many characters wait for the end of their line. */
  get pending(): number {
    return this.#rest.length;
  }

  constructor(private readonly onLine: (line: string) => void) {}

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.onLine(line);
  }
}
