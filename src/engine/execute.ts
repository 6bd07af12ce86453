import type { Diagnostic } from '../base/diagnostic.js';
import type { HostResources } from '../planning/build-resources.js';
import type { Batch, HostWork, WorkItem } from '../planning/types.js';
import type { Facts, Probe } from '../resources/types.js';
import { TransportError } from '../transport/types.js';
import { changeSections, type ExecuteContext, limitOf } from './change-script.js';
import { frame, newMark, parseFrame, stopScript } from './framing.js';
import { hostGate } from './gates.js';
import { judge } from './judge.js';
import { factsFrom } from './observe.js';
import { stillDiffers } from './recheck.js';
import { tellCommands, withoutSecrets } from './tell-commands.js';

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
  const seen = context.seen?.get(work.host) ?? null;
  const recheck = [...recheckProbes(work, context.resources, seen), ...context.alsoAsk];
  const sections = changeSections(batch, work, gates, { recheck, mark }, context);
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
    const differs = facts && stillDiffers(work, context.resources, withEarlier(facts, seen), cluster.name);
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

function isTidy({ items }: HostWork): boolean {
  return items.every(({ steps }) => steps.every((step) => step.leavesProcesses !== true));
}

/** The probes of the resources that this batch changes on this host: they look again at its end. */
function recheckProbes(
  work: HostWork,
  resources: readonly HostResources[],
  seen: Facts | null,
): Probe<unknown>[] {
  const changed = new Set(work.items.flatMap((item) => item.change?.resource ?? []));
  const own = resources.find((it) => it.host.name === work.host);
  return (own?.plays ?? [])
    .flat()
    .flatMap(({ resource }) => (changed.has(resource.id) ? resource.probes : []))
    .filter((it) => seen === null || it.before !== true);
}

/** What was of account before the change alone was not asked again. */
function withEarlier(facts: Facts, seen: Facts | null): Facts {
  if (seen === null) return facts;
  return { need: (probe) => (probe.before === true ? seen : facts).need(probe) };
}
