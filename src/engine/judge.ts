import type { Diagnostic } from '../base/diagnostic.js';
import type { HostWork, WorkItem } from '../planning/types.js';
import type { GateName } from '../playbook/model.js';
import type { Emit } from './events.js';
import { ALONE, LATE_EXIT, type Outcomes, type SectionOutcome, SHUTTING_DOWN } from './framing.js';
import { LOCK_LOST, LOCKED_EXIT } from './lock.js';

export interface JudgeContext {
  readonly cluster: string;
  readonly host: string;
  readonly play: string;
  readonly timedOut: boolean;
  readonly task: (item: WorkItem, state: 'done' | 'failed' | 'not-run' | 'unknown') => void;
  readonly emit: Emit;
  readonly gates: readonly GateName[];
}

export interface Judged {
  readonly changed: string[];
  readonly error: Diagnostic | null;
  /** Everything was done, gates included. */
  readonly whole: boolean;
}

/** The lock was no longer ours: whatever the section was to do, it did not begin. */
function lostLock({ exitCode, stderr }: SectionOutcome): boolean {
  return exitCode === LOCKED_EXIT && stderr.includes(LOCK_LOST);
}

/** What of a batch was done on a host, what was not, and why. */
export function judge(work: HostWork, outcomes: Outcomes, context: JudgeContext): Judged {
  const { cluster, host } = context;
  const byId = new Map(outcomes.finished.map((outcome) => [outcome.id, outcome]));
  const changed: string[] = [];
  let error: Diagnostic | null = null;
  const fail = (id: string, what: string, resource: string | undefined, steps?: string): void => {
    const outcome = byId.get(id);
    const locked = outcome !== undefined && lostLock(outcome);
    const lost = `the lock was lost: ${id === 'fence' ? 'nothing more was begun' : `not begun: ${what}`}`;
    const late = 'did not end within its time limit';
    const leaving = outcome?.stderr.includes(SHUTTING_DOWN) === true;
    const ended = context.timedOut ? `it ${late}` : 'the script was ended in it: what it did is unknown';
    error ??= {
      severity: 'error',
      code: locked ? 'lock-lost' : 'step-failed',
      summary: locked
        ? lost
        : outcome === undefined
          ? `${what}: ${ended}`
          : outcome.exitCode === LATE_EXIT
            ? `${what} ${late}`
            : `${what} failed with exit code ${outcome.exitCode}${leaving ? `: ${SHUTTING_DOWN}` : ''}`,
      detail: [outcome?.stderr.trim(), outcome?.stdout.trim()].filter(Boolean).join('\n'),
      hint: locked
        ? 'somebody else may be at work: `lbctl lock status` says who; afterwards `lbctl plan` shows what is left'
        : leaving
          ? 'somebody reboots it, or switches it off: when it is back, `lbctl plan` shows what is left'
          : (steps ?? 'what this run did before that is listed above; `lbctl plan` shows what is left'),
      cluster,
      host,
      ...(resource === undefined ? {} : { resource }),
    };
  };
  for (const [id, what] of [
    [ALONE, 'waiting for an earlier script'],
    ['fence', 'making sure of the lock'],
    ['keep', 'keeping what is there'],
    ['arm', "arming the dead man's switch"],
  ] as const) {
    if ((byId.get(id)?.exitCode ?? 0) !== 0 || outcomes.unfinished === id) fail(id, what, undefined);
  }
  work.items.forEach((item, index) => {
    const ids = item.steps.map((_, number) => `step ${index} ${number}`);
    const failed = ids.findIndex((id) => (byId.get(id)?.exitCode ?? 0) !== 0 || outcomes.unfinished === id);
    const touched = ids.some((id) => byId.has(id) || outcomes.unfinished === id);
    if (failed >= 0) {
      const id = ids[failed] ?? '';
      fail(id, item.steps[failed]?.title ?? item.title, item.resource);
      const outcome = byId.get(id);
      const begun = failed > 0 || outcome === undefined || !lostLock(outcome);
      context.task(item, outcomes.unfinished === id ? 'unknown' : begun ? 'failed' : 'not-run');
      if (failed > 0 || outcomes.unfinished === id) changed.push(item.resource);
    } else if (ids.every((id) => byId.has(id))) {
      context.task(item, 'done');
      changed.push(item.resource);
    } else {
      context.task(item, touched ? 'unknown' : 'not-run');
    }
  });
  let gatesPassed = true;
  for (const gate of context.gates) {
    const outcome = byId.get(`gate ${gate}`);
    const passed = outcome?.exitCode === 0;
    gatesPassed &&= passed;
    if (outcome !== undefined || outcomes.unfinished === `gate ${gate}`) {
      context.emit({ event: 'gate', cluster, host, gate, state: passed ? 'passed' : 'failed' });
      if (!passed)
        fail(
          `gate ${gate}`,
          `gate ${gate}`,
          undefined,
          'no further host was touched; look at what the services say above',
        );
    }
  }
  const done = work.items.every((item, index) =>
    item.steps.every((_, number) => byId.get(`step ${index} ${number}`)?.exitCode === 0),
  );
  return { changed, error, whole: done && gatesPassed && error === null };
}
