import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import { joinCommands, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import type { HostResources } from '../planning/build-resources.js';
import type { Batch, HostWork, WorkItem } from '../planning/types.js';
import type { GateName } from '../playbook/model.js';
import type { Facts, Probe, Step } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import type { Emit } from './events.js';
import { frame, newMark, parseFrame, type Section, stopScript } from './framing.js';
import { hostGate, hostGateLimit } from './gates.js';
import { judge } from './judge.js';
import { fenceScript, whileLocked } from './lock.js';
import { factsFrom, probeSections } from './observe.js';
import { stillDiffers } from './recheck.js';
import { armChangeScript, armedServices, type RevertRun } from './revert.js';
import { tellCommands, withoutSecrets } from './tell-commands.js';

/** Seconds on top of the steps' own limits: the fence, the copies that are kept, the second look. */
const OVERHEAD = 60;

/** Milliseconds for which a check made ahead stands for one: certificates and other files that it reads may change. */
const CHECK_HOLDS = 60_000;

export interface ExecuteContext {
  readonly cluster: Cluster;
  readonly resources: readonly HostResources[];
  readonly sessions: ReadonlyMap<string, Session>;
  readonly token: string;
  /** Run once on each host, before its first change; `ahead` of its turn, perhaps. */
  readonly keep: (host: string, ahead: boolean) => Command;
  /** Run where that was done ahead, as the host's changes begin. */
  readonly begin: Command;
  /** Hosts where that is known to have been done. */
  readonly kept: Set<string>;
  /** Steps whose check has passed on their host since the lock was taken, and when: milliseconds, `Date.now()`. */
  readonly checked: Map<Step, number>;
  /** Hosts where something may have been changed: whoever goes back looks at them. */
  readonly touched: Set<string>;
  /** How a host goes back by itself when its operator is gone; null: nothing serves yet that could be broken. */
  readonly revert: RevertRun | null;
  /** Hosts whose switch was armed and has not been disarmed since. */
  readonly armed: Set<string>;
  readonly emit: Emit;
  /** Told when the user interrupts: the running steps end, then nothing more begins. */
  readonly interrupted: AbortSignal;
  readonly showDiff: boolean;
  /** Seconds for one remote step; null: each step's own. */
  readonly stepLimit: number | null;
  /** Asked at the end of each host's batch, besides what was changed. */
  readonly alsoAsk: readonly Probe<unknown>[];
}

export interface HostResult {
  readonly host: string;
  /** Resources that were changed. */
  readonly changed: readonly string[];
  readonly error: Diagnostic | null;
  /** Ended by an interrupt before everything was done. */
  readonly stopped: boolean;
  /** What was asked besides at its end; null where it did not come to that. */
  readonly facts: Facts | null;
  /** The connection ended meanwhile: what was done is unknown until somebody looks. */
  readonly lost: boolean;
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
    const summary = item.change?.notice;
    if (summary) {
      emit({
        event: 'diagnostic',
        diagnostic: { severity: 'warning', code: 'protection', summary, ...about },
      });
    }
    task(item, 'running');
  }
  const gates = batch.gates.filter((gate) => hostGate(gate, cluster) !== null);
  for (const gate of gates) emit({ event: 'gate', ...about, gate, state: 'waiting' });

  const mark = newMark();
  const recheck = [...recheckProbes(work, context.resources), ...context.alsoAsk];
  const sections = sectionsOf(batch, work, gates, recheck, context);
  const mayHaveChanged = context.touched.has(work.host);
  context.touched.add(work.host);
  const script = frame(sections, mark, { stoppable: true, alone: true });
  if (sections.some(({ id }) => id === 'arm')) context.armed.add(work.host);
  const stop = () => {
    // The running step ends, the next does not begin.
    session.run(stopScript(mark), { limit: 10 }).catch(() => undefined);
  };
  context.interrupted.addEventListener('abort', stop, { once: true });
  try {
    const limit = limitOf(work, gates, context);
    const result = await session.run(script, { limit, tidy: limit !== 'none' && isTidy(work) });
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
    if (outcomes.finished.some((it) => it.id === 'keep' && it.exitCode === 0)) context.kept.add(work.host);
    // Nothing is changed before the copies are there.
    if (!mayHaveChanged && !context.kept.has(work.host)) context.touched.delete(work.host);
    // An interrupt may come after the last gate and before the second look: nothing has failed.
    const unlooked =
      context.interrupted.aborted &&
      outcomes.unfinished === null &&
      outcomes.finished.at(-1)?.id !== sections.at(-1)?.id;
    const facts = judged.error === null && judged.whole && !unlooked ? factsFrom(result, mark) : null;
    const differs = facts && stillDiffers(work, context.resources, facts, cluster.name);
    return {
      host: work.host,
      changed: judged.changed,
      error: judged.error ?? differs,
      stopped: (!judged.whole || unlooked) && judged.error === null,
      facts,
      lost: false,
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
      facts: null,
      lost: error.failure === 'cut' || error.failure === 'unreachable',
    };
  } finally {
    context.interrupted.removeEventListener('abort', stop);
  }
}

function sectionsOf(
  batch: Batch,
  work: HostWork,
  gates: readonly GateName[],
  recheck: readonly Probe<unknown>[],
  context: ExecuteContext,
): Section[] {
  const services = context.revert === null ? [] : armedServices(batch, work);
  const arm =
    context.revert === null || services.length === 0
      ? null
      : whileLocked(context.token, armChangeScript(services, context.revert));
  const fence = fenceScript(context.token);
  return [
    {
      id: 'fence',
      script: context.kept.has(work.host) ? joinCommands([fence, context.begin]) : fence,
      onFailure: 'stop',
      limit: OVERHEAD / 2,
    },
    ...(context.kept.has(work.host)
      ? []
      : [
          {
            id: 'keep',
            script: whileLocked(context.token, context.keep(work.host, false)),
            onFailure: 'stop',
            limit: OVERHEAD / 2,
          } as const,
        ]),
    ...(arm === null ? [] : [{ id: 'arm', script: arm, onFailure: 'stop', limit: OVERHEAD / 2 } as const]),
    ...work.items.flatMap((item, index) =>
      item.steps.map(
        (step, number): Section => ({
          id: `step ${index} ${number}`,
          script: whileLocked(context.token, waiting(step, context)),
          onFailure: 'stop',
          ...(step.limit === 'none' ? {} : { limit: secondsFor(step.limit, context) }),
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

function isTidy({ items }: HostWork): boolean {
  return items.every(({ steps }) => steps.every((step) => step.leavesProcesses !== true));
}

function secondsFor(limit: number, { stepLimit }: ExecuteContext): number {
  return stepLimit ?? limit;
}

/** A package manager's transaction is never ended from here; `--timeout` bounds its wait for another one. */
function waiting(step: Step, { stepLimit, checked }: ExecuteContext): Command {
  const { limit, ahead } = step;
  const isFresh = Date.now() - (checked.get(step) ?? 0) < CHECK_HOLDS;
  const script = ahead !== undefined && isFresh ? ahead.checked : step.script;
  return limit === 'none' && stepLimit !== null
    ? sh`lbctl_wait=${stepLimit}
${script}`
    : script;
}

function limitOf(work: HostWork, gates: readonly GateName[], context: ExecuteContext): number | 'none' {
  const { cluster } = context;
  const limits = work.items.flatMap((item) => item.steps.map((step) => step.limit));
  if (limits.includes('none')) return 'none';
  const steps = limits.reduce<number>(
    (sum, limit) => sum + (limit === 'none' ? 0 : secondsFor(limit, context)),
    0,
  );
  return OVERHEAD + steps + gates.reduce((sum, gate) => sum + hostGateLimit(gate, cluster), 0);
}

/** The probes of the resources that this batch changes on this host: they look again at its end. */
function recheckProbes(work: HostWork, resources: readonly HostResources[]): Probe<unknown>[] {
  const changed = new Set(work.items.flatMap((item) => item.change?.resource ?? []));
  const own = resources.find((it) => it.host.name === work.host);
  return (own?.plays ?? [])
    .flat()
    .flatMap(({ resource }) => (changed.has(resource.id) ? resource.probes : []));
}
