import { Secret } from '../../../src/base/secret.js';
import { type Ask, NotAnswered } from '../../../src/transport/ask.js';

/** Somebody who gives these answers, one after the other, and then gives up. */
export function answering(...answers: readonly string[]): Ask & { readonly questions: string[] } {
  const left = [...answers];
  const questions: string[] = [];
  const next = (question: string) => {
    questions.push(question);
    const answer = left.shift();
    if (answer === undefined) throw new NotAnswered();
    return answer;
  };
  return {
    questions,
    text: async (question) => next(question),
    secret: async (question) => new Secret(next(question)),
  };
}
