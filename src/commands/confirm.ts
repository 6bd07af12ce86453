import { NotAnswered } from '../transport/ask.js';
import { wrongFlag } from './input.js';
import type { GlobalOptions, Io } from './options.js';

/** Whether whoever sits there wants it done. */
export type Confirm = (question: string) => Promise<boolean>;

/**
 * For commands that take something away: asks on a terminal, and needs `--yes` elsewhere. To be called before anything
 * is contacted.
 * @throws UserError where nobody can be asked
 */
export async function confirmer(command: string, options: GlobalOptions, io: Io): Promise<Confirm> {
  if (options.yes === true) return async () => true;
  const { terminalAsk } = await import('./ask.js');
  const ask = terminalAsk({
    stderr: io.stderr,
    screen: () => null,
    interrupt: () => process.kill(process.pid, 'SIGINT'),
  });
  if (ask === null) {
    throw wrongFlag(
      'not-confirmed',
      `${command} asks before it acts, and there is no terminal to ask on`,
      'add --yes',
    );
  }
  return async (question) => {
    try {
      return (await ask.text(`${question} Type yes: `)).trim() === 'yes';
    } catch (error) {
      if (error instanceof NotAnswered) return false;
      throw error;
    }
  };
}
