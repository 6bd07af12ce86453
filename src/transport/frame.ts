/** How many bytes at the end of `data` may be the beginning of a mark: no more, so that lines arrive when they are printed. */
function beginning(data: Buffer, mark: Buffer): number {
  for (let length = Math.min(data.length, mark.length - 1); length > 0; length--) {
    if (data.subarray(data.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}

/** What stands behind a closing mark: the exit status and a line end. */
const EXIT_STATUS = /^(\d{1,3})\n/;

/**
 * Takes from one stream what a script printed between its opening and its closing mark. Login shells print
 * before it, background processes after it.
 */
export class Frame {
  readonly #open: Buffer;
  readonly #shut: Buffer;
  #state: 'before' | 'inside' | 'after' = 'before';
  #chunks: Buffer[] = [];
  /** How many bytes at the end of what was read may be the beginning of a mark. */
  #tail: Buffer = Buffer.alloc(0);
  #exitCode: number | null = null;

  constructor(mark: string) {
    this.#open = Buffer.from(`lbctl-begin ${mark}\n`);
    this.#shut = Buffer.from(`lbctl-end ${mark} `);
  }

  /** Whether the script began. */
  get opened(): boolean {
    return this.#state !== 'before';
  }

  /** Whether the script ended; `exitCode` is set then. */
  get closed(): boolean {
    return this.#state === 'after';
  }

  get exitCode(): number | null {
    return this.#exitCode;
  }

  push(chunk: Buffer): void {
    if (this.#state === 'after') return;
    let data = this.#tail.length > 0 ? Buffer.concat([this.#tail, chunk]) : chunk;
    if (this.#state === 'before') {
      const at = data.indexOf(this.#open);
      if (at < 0) {
        this.#keep(data, beginning(data, this.#open));
        return;
      }
      this.#state = 'inside';
      this.#chunks = [];
      data = data.subarray(at + this.#open.length);
    }
    const at = data.indexOf(this.#shut);
    if (at < 0) {
      this.#keep(data, beginning(data, this.#shut));
      return;
    }
    const rest = data.subarray(at + this.#shut.length);
    const status = EXIT_STATUS.exec(rest.subarray(0, 4).toString('latin1'));
    if (status === null) {
      // The mark is there, the status behind it not yet.
      this.#keep(data, data.length - at);
      return;
    }
    this.#chunks.push(data.subarray(0, at));
    this.#tail = Buffer.alloc(0);
    this.#exitCode = Number(status[1]);
    this.#state = 'after';
  }

  /** What the script printed since the last call; it is then no longer part of `text()`. */
  take(): Buffer {
    if (this.#state === 'before') return Buffer.alloc(0);
    const taken = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return taken;
  }

  /** What the script printed; before its opening mark: what else was printed. */
  text(): string {
    return Buffer.concat([...this.#chunks, this.#tail]).toString('utf8');
  }

  #keep(data: Buffer, tail: number): void {
    const cut = Math.max(0, data.length - tail);
    if (cut > 0) this.#chunks.push(data.subarray(0, cut));
    this.#tail = data.subarray(cut);
  }
}
