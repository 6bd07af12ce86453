/** A stream that may know how large its terminal is; it knows after a resize too. */
type TerminalStream = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

/** A line of a frame: what is written, and how many columns that takes. */
export interface FrameLine {
  readonly text: string;
  readonly width: number;
}

/**
 * The lower end of a terminal: a frame that is drawn over and over, and text above it that stays. The cursor is
 * never hidden, so a process that is killed leaves a usable terminal behind.
 */
export class Screen {
  #frame: readonly FrameLine[] = [];
  /** What was to be written above while somebody is asked something; null: nobody is. */
  #held: string[] | null = null;

  constructor(private readonly stream: TerminalStream) {}

  get columns(): number {
    return this.stream.columns || 80;
  }

  get rows(): number {
    return this.stream.rows || 24;
  }

  /** Replaces the frame. Its lines fit the width and, but for the last frame, the height. */
  draw(frame: readonly FrameLine[]): void {
    if (this.#held !== null) return;
    const isSame =
      frame.length === this.#frame.length && frame.every((l, i) => l.text === this.#frame[i]?.text);
    if (isSame) return;
    this.stream.write(this.#erase() + written(frame));
    this.#frame = frame;
  }

  /** Writes lines that stay, above the frame. */
  above(lines: readonly string[]): void {
    if (this.#held !== null) {
      this.#held.push(...lines);
      return;
    }
    const text = lines.map((line) => `${line}\n`).join('');
    this.stream.write(this.#erase() + text + written(this.#frame));
  }

  /** Takes the frame away: the terminal is somebody else's until `resume`. */
  pause(): void {
    this.draw([]);
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = null;
    if (held.length > 0) this.above(held);
  }

  /** Lets the frame stand as it is: what follows is written below it. */
  leave(): void {
    this.#frame = [];
  }

  /** A terminal made narrower since has wrapped the lines: count the rows they take now. */
  #erase(): string {
    const rows = this.#frame.reduce(
      (sum, { width }) => sum + Math.max(1, Math.ceil(width / this.columns)),
      0,
    );
    return rows === 0 ? '' : `\x1b[${rows}A\r\x1b[0J`;
  }
}

function written(frame: readonly FrameLine[]): string {
  return frame.map(({ text }) => `${text}\n`).join('');
}
