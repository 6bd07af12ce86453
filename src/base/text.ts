import { inspect } from 'node:util';
import { Secret } from './secret.js';

/**
 * A text of which parts may be secret: a configuration file with a password, a shell script that writes it.
 * Printed or serialised it shows asterisks in their place.
 */
export class Text {
  constructor(readonly parts: readonly (string | Secret)[]) {}

  static of(...parts: readonly (string | Secret | Text)[]): Text {
    return new Text(parts.flatMap((part) => (part instanceof Text ? part.parts : [part])));
  }

  static join(texts: readonly (string | Text)[], separator: string): Text {
    return Text.of(...texts.flatMap((text, index) => (index === 0 ? [text] : [separator, text])));
  }

  /** The real text; call this only where it leaves for the host's standard input, or to compare. */
  reveal(): string {
    return this.parts.map((part) => (typeof part === 'string' ? part : part.reveal())).join('');
  }

  secrets(): Secret[] {
    return this.parts.filter((part) => part instanceof Secret);
  }

  toString(): string {
    return this.parts.join('');
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
