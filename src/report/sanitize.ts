// Control (Cc), format (Cf: bidi overrides, zero-width, tags), line and paragraph separators, lone surrogates, and what is no character at all (U+FFFE: no XML may hold it).
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{NChar}]/gu;

const TAB = '    ';

interface SanitizeOptions {
  /** True: line feeds stay, and tabs become spaces. False: both are shown as `\n` and `\t`. */
  readonly keepNewlines: boolean;
}

/**
 * Makes a foreign text safe to write to a terminal: every character that could move the cursor, colour, hide or
 * reorder text is replaced by how one would write it in a program, for example `\x1b`.
 */
export function sanitize(text: string, options: SanitizeOptions): string {
  return text.replace(INVISIBLE, (character) => {
    if (character === '\n') return options.keepNewlines ? '\n' : '\\n';
    if (character === '\t') return options.keepNewlines ? TAB : '\\t';
    return visible(character);
  });
}

/** As `sanitize`, for a place that has one line only. */
export function oneLine(text: string): string {
  return sanitize(text.trim(), { keepNewlines: false });
}

/** As `sanitize`, each line indented by `indent`; the empty lines at the end are dropped. */
export function block(text: string, indent: string): string[] {
  const lines = sanitize(text.trimEnd(), { keepNewlines: true }).split('\n');
  return lines.map((line) => (line === '' ? '' : indent + line));
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}
