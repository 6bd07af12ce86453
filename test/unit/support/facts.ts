import { readFileSync } from 'node:fs';
import { type Facts, type Probe, type ProbeOutput, UnknownFact } from '../../../src/resources/types.js';

/** A fact as a host would have given it, or why it could not be learnt. */
export type Given = readonly [probe: Probe<unknown>, value: unknown];

export class Unknown {
  constructor(readonly reason = 'the host did not answer this') {}
}

/** What is known of a host: by probe, the last one given counts. What was not given is unknown. */
export function given(...facts: readonly Given[]): Facts {
  const values = new Map(facts.map(([probe, value]) => [probe.key, value]));
  return {
    need<F>(probe: Probe<F>): F {
      const value = values.has(probe.key) ? values.get(probe.key) : new Unknown();
      if (value instanceof Unknown) throw new UnknownFact(probe.key, value.reason);
      return value as F;
    },
  };
}

/** A recorded answer, from `fixtures/` of the resources. */
export function recorded(name: string): string {
  return readFileSync(new URL(`../resources/fixtures/${name}`, import.meta.url), 'utf8');
}

export function output(stdout: string, rest: Partial<ProbeOutput> = {}): ProbeOutput {
  return { stdout, stderr: '', exitCode: 0, ...rest };
}

/** What a probe makes of an answer. */
export function parsed<F>(probe: Probe<F>, stdout: string): F {
  const result = probe.parse(output(stdout));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** Why a probe cannot make anything of an answer; null where it can. */
export function refusal(probe: Probe<unknown>, answer: ProbeOutput): string | null {
  const result = probe.parse(answer);
  return result.ok ? null : result.error;
}
