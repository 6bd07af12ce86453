import type { Diagnostic } from '../base/diagnostic.js';
import { generationsProbe } from '../resources/probes/generation.js';
import type { Observations } from './assess.js';
import { KEPT_GENERATIONS } from './generations.js';
import { reachableFacts } from './prepare.js';

/** Runs of a cluster that can be taken back, oldest first: those that some host kept a generation for. */
export function reachableRuns(numbers: readonly number[]): number[] {
  const last = Math.max(...numbers);
  return [...new Set(numbers)].filter((it) => it > 0 && it > last - KEPT_GENERATIONS).sort((a, b) => a - b);
}

/** The run before which everything is to be as it was; `to` null: the last one. */
export function pickTarget(observations: Observations, to: number | null): number | Diagnostic {
  const numbers = [...reachableFacts(observations).values()].flatMap((it) =>
    it.need(generationsProbe).map(({ number }) => number),
  );
  const runs = reachableRuns(numbers);
  const about = { severity: 'error', code: 'no-generation' } as const;
  if (to === 0) {
    const summary = 'generation 0 is what the hosts were before lbctl: there is no pair in it to go back to';
    return { ...about, summary, hint: '`lbctl down` takes the pair apart and restores it' };
  }
  const last = runs.at(-1);
  if (last === undefined) {
    const summary = 'there is nothing to go back to: no run has changed this pair since it was built';
    return {
      ...about,
      summary,
      hint: '`lbctl down` takes the pair apart and restores what was there before',
    };
  }
  if (to === null || runs.includes(to)) return to ?? last;
  const known = runs.join(', ');
  return {
    ...about,
    summary: `there is no generation ${to}`,
    hint: `there are ${known}: \`lbctl history\` shows them`,
  };
}
