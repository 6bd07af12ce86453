import type { Command } from '../base/shell.js';
import type { HostWork } from '../planning/types.js';
import { hideSecrets } from '../resources/diff.js';
import type { Emit } from './events.js';
import type { Outcomes } from './framing.js';

/** The outcomes with every secret of the script hidden in what the steps and gates printed. */
export function withoutSecrets(outcomes: Outcomes, script: Command): Outcomes {
  const secrets = script.text.secrets().map((secret) => secret.reveal());
  const finished = outcomes.finished.map((outcome) =>
    STEP_OR_GATE.test(outcome.id)
      ? {
          ...outcome,
          stdout: hideSecrets(outcome.stdout, secrets),
          stderr: hideSecrets(outcome.stderr, secrets),
        }
      : outcome,
  );
  return { ...outcomes, finished };
}

/** Sections whose output is shown; the others are probes, whose answers may be whole files. */
const STEP_OR_GATE = /^(?:fence|keep|arm|step \d+ \d+|gate .*)$/;

/** For `-v`: every step with its script and what it printed. */
export function tellCommands(
  work: HostWork,
  outcomes: Outcomes,
  durationMs: number,
  { cluster, host, emit }: { readonly cluster: string; readonly host: string; readonly emit: Emit },
): void {
  const byId = new Map(outcomes.finished.map((outcome) => [outcome.id, outcome]));
  work.items.forEach((item, index) => {
    item.steps.forEach((step, number) => {
      const outcome = byId.get(`step ${index} ${number}`);
      if (outcome === undefined) return;
      emit({
        event: 'command',
        cluster,
        host,
        title: step.title,
        script: step.script.toString(),
        exit_code: outcome.exitCode,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        duration_ms: durationMs,
      });
    });
  });
}
