import type { Paint } from './paint.js';
import { block } from './sanitize.js';

/** A unified diff, indented: additions green, removals red, places cyan, file names bold. */
export function diffLines(diff: string, paint: Paint, indent: string): string[] {
  return block(diff, '').map((line) => (line === '' ? '' : indent + brush(line, paint)(line)));
}

function brush(line: string, paint: Paint): (text: string) => string {
  if (line.startsWith('+++ ') || line.startsWith('--- ')) return paint.bold;
  if (line.startsWith('@@')) return paint.cyan;
  if (line.startsWith('+')) return paint.green;
  if (line.startsWith('-')) return paint.red;
  return (text) => text;
}
