import type { StatusDocument } from '../engine/documents.js';
import { displayWidth, truncate } from './columns.js';
import { type FrameLine, Screen } from './screen.js';
import { formatStatus } from './status.js';

export interface ScreenOptions {
  readonly stream: NodeJS.WriteStream;
  readonly color: boolean;
}

/** A status that is drawn over the one before it. The cursor stays and so does what stood above. */
export class StatusScreen {
  readonly #screen: Screen;

  constructor(private readonly options: ScreenOptions) {
    this.#screen = new Screen(options.stream);
  }

  /** `title` is the first line. What does not fit the terminal is cut, and counted. */
  show(title: string, status: StatusDocument): void {
    const lines = [title, '', ...formatStatus(status, { color: this.options.color }).split('\n')];
    const { columns, rows } = this.#screen;
    // Below the frame stands the cursor, on a line of its own.
    const room = Math.max(1, rows - 1);
    const kept = lines.length <= room ? lines : lines.slice(0, room - 1);
    const more = lines.length - kept.length;
    const shown = more === 0 ? kept : [...kept, `… ${more} more lines: make the terminal higher`];
    this.#screen.draw(shown.map((line) => fitted(line, columns - 1)));
  }
}

const COLORS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Colours take no columns; a line that is too wide is shown without them. */
function fitted(line: string, columns: number): FrameLine {
  const plain = line.replace(COLORS, '');
  const width = displayWidth(plain);
  if (width <= columns) return { text: line, width };
  const text = truncate(plain, columns);
  return { text, width: displayWidth(text) };
}
