import type { Secret } from '../base/secret.js';

/** So often a passphrase or a password is asked for, as ssh does. */
export const TRIES = 3;

/** Somebody at a terminal. Questions come one after the other, whoever asks. */
export interface Ask {
  /** What was typed, shown while it is typed. @throws NotAnswered */
  text(question: string): Promise<string>;
  /** What was typed, not shown. @throws NotAnswered */
  secret(question: string): Promise<Secret>;
}

/** Whoever was asked gave up (Ctrl-C, Ctrl-D). */
export class NotAnswered extends Error {
  constructor() {
    super('not answered');
  }
}
