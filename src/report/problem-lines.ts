import type { Problem } from '../engine/documents.js';
import type { Paint } from './paint.js';
import { block, oneLine } from './sanitize.js';

/** One problem after the other, each with its host and its code; a message's further lines indented. */
export function problemLines(problems: readonly Problem[], paint: Paint): string[] {
  return lines(problems, paint.red('!'), paint);
}

/** What is worth knowing and no problem. */
export function noteLines(notes: readonly Problem[], paint: Paint): string[] {
  return lines(notes, paint.cyan('-'), paint);
}

function lines(problems: readonly Problem[], sign: string, paint: Paint): string[] {
  return problems.flatMap(({ code, message, host }) => {
    const [first = '', ...rest] = block(message.trim(), '    ');
    const where = host === null ? '' : `${oneLine(host)}: `;
    return [`  ${sign} ${where}${first.trimStart()} ${paint.dim(`[${oneLine(code)}]`)}`, ...rest];
  });
}
