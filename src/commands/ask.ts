import { closeSync, openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { Secret } from '../base/secret.js';
import { type Ask, NotAnswered } from '../transport/ask.js';

const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_U = '\x15';
const BACKSPACE = /[\b\x7f]/;

/** What to do with the screen while somebody types. */
export interface Screen {
  pause(): void;
  resume(): void;
}

/**
 * Whoever sits at the terminal, or null where there is none: what was piped into lbctl (an inventory, say) is never
 * taken for an answer. `interrupt` is told of Ctrl-C.
 */
export function terminalAsk(options: {
  readonly stderr: NodeJS.WriteStream;
  readonly screen: () => Screen | null;
  readonly interrupt: () => void;
}): Ask | null {
  if (options.stderr.isTTY !== true || !hasTerminal()) return null;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (question: string, shown: boolean): Promise<string> => {
    const answer = last.then(async () => {
      const screen = options.screen();
      screen?.pause();
      try {
        return await readLine(question, shown, options.interrupt);
      } finally {
        screen?.resume();
      }
    });
    // Whoever asked is told that nobody answered; the next question only waits for its turn.
    last = answer.catch(() => undefined);
    return answer;
  };
  return {
    text: (question) => inTurn(question, true),
    secret: async (question) => new Secret(await inTurn(question, false)),
  };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    // A process without a terminal of its own (ENXIO, ENODEV), or a system that has none (ENOENT).
    return false;
  }
}

/** One line from the terminal itself. @throws NotAnswered */
function readLine(question: string, shown: boolean, interrupt: () => void): Promise<string> {
  const input = new ReadStream(openSync('/dev/tty', 'r'));
  const output = new WriteStream(openSync('/dev/tty', 'w'));
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (result: string | null) => {
      input.setRawMode(false);
      input.destroy();
      output.write('\n', () => output.destroy());
      if (result === null) reject(new NotAnswered());
      else resolve(result);
    };
    // Raw, so that nothing is echoed but what we write.
    input.setRawMode(true);
    input.setEncoding('utf8');
    output.write(question);
    input.on('error', () => finish(null));
    input.on('data', (text: string) => {
      for (const character of text) {
        if (character === '\r' || character === '\n') return finish(typed);
        if (character === CTRL_C) {
          finish(null);
          return interrupt();
        }
        if (character === CTRL_D) return finish(typed === '' ? null : typed);
        if (BACKSPACE.test(character)) {
          if (shown && typed !== '') output.write('\b \b');
          typed = [...typed].slice(0, -1).join('');
        } else if (character === CTRL_U) {
          if (shown) output.write('\b \b'.repeat([...typed].length));
          typed = '';
        } else if (character >= ' ') {
          typed += character;
          if (shown) output.write(character);
        }
      }
    });
  });
}
