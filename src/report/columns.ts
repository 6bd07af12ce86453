const COMBINING = /\p{M}/u;

/** First and last code points of what terminals draw two columns wide: East Asian scripts and pictographs. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** How many terminal columns a text takes; it holds no control characters. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** The text, cut with `…` where it is wider than `columns`. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : '';
}

export interface Cell {
  readonly text: string;
  /** Applied after the text was padded, so that colours do not count as columns. */
  readonly style?: ((text: string) => string) | undefined;
}

/** Rows of cells as lines, each column as wide as its widest cell, two spaces between columns. */
export function table(rows: readonly (readonly Cell[])[], indent: string): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell.text));
    });
  }
  return rows.map((row) => {
    const cells = row.map((cell, index) => {
      const isLast = index === row.length - 1;
      const text = cell.style ? cell.style(cell.text) : cell.text;
      const fill = isLast ? 0 : (widths[index] ?? 0) - displayWidth(cell.text);
      return text + ' '.repeat(fill);
    });
    return (indent + cells.join('  ')).trimEnd();
  });
}
