import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import { sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import type { HostResources } from '../planning/build-resources.js';
import type { Batch, HostWork, WorkItem } from '../planning/types.js';
import type { GateName } from '../playbook/model.js';
import { hideSecrets } from '../resources/diff.js';
import type { Probe } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import type { Emit } from './events.js';
import { frame, newMark, type Outcomes, parseFrame, type Section, stopFile } from './framing.js';
import { hostGate, hostGateLimit } from './gates.js';
import { fenceScript, LOCKED_EXIT } from './lock.js';
import { factsFrom, probeSections } from './observe.js';
import { stillDiffers } from './recheck.js';

/** Seconds on top of the steps' own limits: the fence, the copies that are kept, the second look. */
const OVERHEAD = 60;

export interface ExecuteContext {
  readonly cluster: Cluster;
  readonly resources: readonly HostResources[];
  readonly sessions: ReadonlyMap<string, Session>;
  readonly token: string;
  /** Run once on each host, before its first change. */
  readonly keep: (host: string) => Command;
  readonly kept: Set<string>;
  readonly emit: Emit;
  /** Told when the user interrupts: the running steps end, then nothing more begins. */
  readonly interrupted: AbortSignal;
  readonly showDiff: boolean;
  /** Seconds for one remote step; null: each step's own. */
  readonly stepLimit: number | null;
}

export interface HostResult {
  readonly host: string;
  /** Resources that were changed. */
  readonly changed: readonly string[];
  readonly error: Diagnostic | null;
  /** Ended by an interrupt before everything was done. */
  readonly stopped: boolean;
}

/** Changes the hosts of a batch at the same time, each in one round trip. */
export async function executeBatch(batch: Batch, context: ExecuteContext): Promise<HostResult[]> {
  return Promise.all(batch.work.map((work) => executeHost(batch, work, context)));
}

async function executeHost(batch: Batch, work: HostWork, context: ExecuteContext): Promise<HostResult> {
  const { cluster, emit } = context;
  const session = context.sessions.get(work.host);
  if (session === undefined) throw new Error(`no connection to ${work.host}`);
  const about = { cluster: cluster.name, host: work.host };
  const task = (item: WorkItem, state: 'running' | 'done' | 'failed' | 'not-run' | 'unknown') => {
    const diff = state === 'done' && context.showDiff ? item.change?.diff : null;
    const event = {
      event: 'task',
      ...about,
      play: batch.play,
      resource: item.resource,
      title: item.title,
      state,
    } as const;
    emit(diff === null || diff === undefined ? event : { ...event, diff });
  };
  for (const item of work.items) {
    if (item.change?.notice) emit({ event: 'notice', ...about, message: item.change.notice });
    task(item, 'running');
  }
  const gates = batch.gates.filter((gate) => hostGate(gate, cluster) !== null);
  for (const gate of gates) emit({ event: 'gate', ...about, gate, state: 'waiting' });

  const mark = newMark();
  const recheck = recheckProbes(work, context.resources);
  const sections = sectionsOf(work, gates, recheck, context);
  const keepsFirst = !context.kept.has(work.host);
  context.kept.add(work.host);
  const script = frame(sections, mark, { stoppable: true });
  const stop = () => {
    // Between two steps the script looks for this file: the running step ends, the next does not begin.
    session.run(sh`: >${stopFile(mark)}`, { limit: 10 }).catch(() => undefined);
  };
  context.interrupted.addEventListener('abort', stop, { once: true });
  try {
    const result = await session.run(script, { limit: limitOf(work, gates, context) });
    // What a host prints may quote a line with a password, in HAProxy's complaint about it for example.
    const outcomes = withoutSecrets(parseFrame(result, mark), script);
    tellCommands(work, outcomes, result.durationMs, { ...about, emit });
    const judged = judge(work, outcomes, {
      ...about,
      play: batch.play,
      timedOut: result.timedOut,
      task,
      emit,
      gates,
    });
    if (!judged.whole && keepsFirst && !outcomes.finished.some((it) => it.id === 'keep' && it.exitCode === 0))
      context.kept.delete(work.host);
    const differs =
      judged.error === null && judged.whole
        ? stillDiffers(work, context.resources, factsFrom(result, mark), cluster.name)
        : null;
    return {
      host: work.host,
      changed: judged.changed,
      error: judged.error ?? differs,
      stopped: !judged.whole && judged.error === null,
    };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    for (const item of work.items) task(item, 'unknown');
    const diagnostic: Diagnostic = { ...error.diagnostic, ...about };
    return {
      host: work.host,
      changed: work.items.map((item) => item.resource),
      error: diagnostic,
      stopped: false,
    };
  } finally {
    context.interrupted.removeEventListener('abort', stop);
  }
}

function sectionsOf(
  work: HostWork,
  gates: readonly GateName[],
  recheck: readonly Probe<unknown>[],
  context: ExecuteContext,
): Section[] {
  return [
    { id: 'fence', script: fenceScript(context.token), onFailure: 'stop' },
    ...(context.kept.has(work.host)
      ? []
      : [{ id: 'keep', script: context.keep(work.host), onFailure: 'stop' } as const]),
    ...work.items.flatMap((item, index) =>
      item.steps.map(
        (step, number): Section => ({
          id: `step ${index} ${number}`,
          script: step.script,
          onFailure: 'stop',
        }),
      ),
    ),
    ...gates.flatMap((gate): Section[] => {
      const script = hostGate(gate, context.cluster);
      return script === null ? [] : [{ id: `gate ${gate}`, script, onFailure: 'stop' }];
    }),
    ...probeSections(recheck),
  ];
}

function limitOf(
  work: HostWork,
  gates: readonly GateName[],
  { cluster, stepLimit }: ExecuteContext,
): number | 'none' {
  const limits = work.items.flatMap((item) => item.steps.map((step) => step.limit));
  if (limits.includes('none')) return 'none';
  const steps = limits.reduce<number>((sum, limit) => sum + (limit === 'none' ? 0 : (stepLimit ?? limit)), 0);
  return OVERHEAD + steps + gates.reduce((sum, gate) => sum + hostGateLimit(gate, cluster), 0);
}

function withoutSecrets(outcomes: Outcomes, script: Command): Outcomes {
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
const STEP_OR_GATE = /^(?:fence|keep|step \d+ \d+|gate .*)$/;

/** For `-v`: every step with its script and what it printed. */
function tellCommands(
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

/** The probes of the resources that this batch changes on this host: they look again at its end. */
function recheckProbes(work: HostWork, resources: readonly HostResources[]): Probe<unknown>[] {
  const changed = new Set(work.items.flatMap((item) => item.change?.resource ?? []));
  const own = resources.find((it) => it.host.name === work.host);
  return (own?.plays ?? [])
    .flat()
    .flatMap(({ resource }) => (changed.has(resource.id) ? resource.probes : []));
}

interface JudgeContext {
  readonly cluster: string;
  readonly host: string;
  readonly play: string;
  readonly timedOut: boolean;
  readonly task: (item: WorkItem, state: 'done' | 'failed' | 'not-run' | 'unknown') => void;
  readonly emit: Emit;
  readonly gates: readonly GateName[];
}

interface Judged {
  readonly changed: string[];
  readonly error: Diagnostic | null;
  /** Everything was done, gates included. */
  readonly whole: boolean;
}

/** What of a batch was done on a host, what was not, and why. */
function judge(work: HostWork, outcomes: Outcomes, context: JudgeContext): Judged {
  const { cluster, host } = context;
  const byId = new Map(outcomes.finished.map((outcome) => [outcome.id, outcome]));
  const changed: string[] = [];
  let error: Diagnostic | null = null;
  const fail = (id: string, what: string, resource: string | undefined, steps?: string): void => {
    const outcome = byId.get(id);
    const locked = outcome?.exitCode === LOCKED_EXIT && id === 'fence';
    const ended = context.timedOut
      ? 'it did not end within its time limit'
      : 'the script was ended in it: what it did is unknown';
    error ??= {
      severity: 'error',
      code: locked ? 'lock-lost' : 'step-failed',
      summary:
        outcome === undefined ? `${what}: ${ended}` : `${what} failed with exit code ${outcome.exitCode}`,
      detail: [outcome?.stderr.trim(), outcome?.stdout.trim()].filter(Boolean).join('\n'),
      hint: steps ?? 'what this run did before that is listed above; `lbctl plan` shows what is left',
      cluster,
      host,
      ...(resource === undefined ? {} : { resource }),
    };
  };
  for (const [id, what] of [
    ['fence', 'making sure of the lock'],
    ['keep', 'keeping what is there'],
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
      context.task(item, outcomes.unfinished === id ? 'unknown' : 'failed');
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
