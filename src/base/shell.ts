import { Secret } from './secret.js';
import { Text } from './text.js';

/** One word of a POSIX shell, whatever the text holds. A NUL cannot be passed to any program: refused. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new Error('a shell word cannot hold a NUL character');
  if (/^[A-Za-z0-9_./:@%+=,-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function quoteText(text: Text): Text {
  return Text.of(
    "'",
    ...text.parts.map((part) =>
      typeof part === 'string'
        ? part.replaceAll("'", `'\\''`)
        : new Secret(part.reveal().replaceAll("'", `'\\''`)),
    ),
    "'",
  );
}

/** Shell code as it stands; made by `sh` or `raw`, never from a user's text. */
export class Command {
  constructor(readonly text: Text) {}

  toString(): string {
    return this.text.toString();
  }

  toJSON(): string {
    return this.text.toString();
  }
}

export function raw(code: string): Command {
  return new Command(new Text([code]));
}

export type ShellValue = string | number | Secret | Text | Command | readonly (string | number)[];

/**
 * Shell code as it is written here (no escapes but `\${` and the backtick), in which every interpolated value is quoted as one word (a list: one word each); only a
 * `Command` is taken in as code.
 */
export function sh(strings: TemplateStringsArray, ...values: readonly ShellValue[]): Command {
  const parts: (string | Text)[] = [];
  strings.raw.forEach((written, index) => {
    parts.push(withoutEscapes(written));
    const value = values[index];
    if (value !== undefined) parts.push(toShell(value));
  });
  return new Command(Text.of(...parts));
}

/** The raw text keeps backslashes for the shell; only what a template literal itself makes us escape goes. */
function withoutEscapes(written: string): string {
  return written.replaceAll('\\${', '${').replaceAll('\\`', '`');
}

function toShell(value: ShellValue): string | Text {
  if (value instanceof Command) return value.text;
  if (value instanceof Text) return quoteText(value);
  if (value instanceof Secret) return quoteText(new Text([value]));
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return String(value);
  return value.map((word) => quote(String(word))).join(' ');
}

/**
 * Runs `code` however the script ends: by itself, by a signal, or because nobody reads what it prints any more. dash
 * leaves its EXIT trap out where a signal ends it; and of a child that a TERM has ended it says so on stderr before it
 * looks at its own traps, which is a SIGPIPE where the connection was lost. timeout(1) passes a TERM on to its group once
 * more: that must not end `code`. A signal that comes just as the EXIT trap begins ends that trap: so it runs `code` itself.
 */
export function atTheEnd(code: Command): Command {
  return sh`at_the_end() {
  trap '' HUP INT TERM PIPE
  trap - EXIT
  ${code}
}
trap at_the_end EXIT
trap 'at_the_end; exit 143' HUP INT TERM PIPE`;
}

export function joinCommands(commands: readonly Command[], separator = '\n'): Command {
  return new Command(
    Text.join(
      commands.map((c) => c.text),
      separator,
    ),
  );
}
