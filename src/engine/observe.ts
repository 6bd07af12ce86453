import { type Command, raw, sh } from '../base/shell.js';
import { JOINT_FILES } from '../resources/probes/file.js';
import { askUnits } from '../resources/probes/units.js';
import type { Joint, Probe, ProbeOutput } from '../resources/types.js';
import type { RunResult, Session } from '../transport/types.js';
import { HostFacts } from './facts.js';
import { awaitsBeside, beginsBeside, frame, newMark, parseFrame, type Section } from './framing.js';

const JOINTS: ReadonlyMap<string, Joint> = new Map([[JOINT_FILES.key, JOINT_FILES]]);

/** Seconds for all questions to a host together. */
const OBSERVE_LIMIT = 60;

export interface ObserveOptions {
  readonly signal?: AbortSignal;
  /** Seconds; `--timeout`. */
  readonly limit?: number;
  /** Runs beside the questions, on the way; harmless when run twice. What came of it may not be told. */
  readonly first?: { readonly script: Command; readonly ended: (outcome: ProbeOutput) => void };
}

const FIRST = 'first';

/** What is told runs beside the questions; where it did not succeed so, once more, and says why. */
function toldBeside(script: Command, questions: readonly Section[]): Section[] {
  const again = sh`[ -n "\${lbctl_told:-}" ] || {
${script}
}`;
  return [
    beginsBeside(script),
    ...questions,
    awaitsBeside(raw('lbctl_told=yes')),
    { id: FIRST, script: again, onFailure: 'continue' },
  ];
}

/** Asks a host everything in one round trip. @throws TransportError */
export async function observe(
  session: Session,
  probes: readonly Probe<unknown>[],
  options: ObserveOptions = {},
): Promise<HostFacts> {
  const mark = newMark();
  const { first } = options;
  const questions = probeSections(probes);
  const sections = first === undefined ? questions : toldBeside(first.script, questions);
  const script = frame(sections, mark);
  const result = await session.run(script, {
    limit: options.limit ?? OBSERVE_LIMIT,
    repeatable: true,
    tidy: true,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const outcome = parseFrame(result, mark).finished.find(({ id }) => id === FIRST);
  // A look that did not come to its end says nothing of it.
  if (outcome !== undefined) first?.ended(outcome);
  return factsFrom(result, mark);
}

export function probeSections(probes: readonly Probe<unknown>[]): Section[] {
  const byKey = new Map(probes.map((probe) => [probe.key, probe]));
  const asked = [...byKey.values()];
  const about = asked.flatMap((probe) => probe.asksUnit ?? []);
  const units = about.length > 1 ? [learnsOf(new Set(about))] : [];
  // A script with one question alone gains nothing by asking it twice.
  const ahead =
    asked.length < 2 ? [] : asked.flatMap(({ key, ahead }) => (ahead ? [begins(key, ahead)] : []));
  const alone = asked.filter((it) => !isJoint(it, asked));
  const sections = [
    ...alone.filter((it) => it.early !== true && it.late !== true),
    ...[...JOINTS.values()].flatMap((it) => jointQuestion(it, asked)),
    ...alone.filter((it) => it.late === true),
  ];
  const early = alone.filter((it) => it.early === true);
  return [...early.map(question), ...units, ...ahead, ...sections.map(question)];
}

function question({ key, script }: Pick<Probe<unknown>, 'key' | 'script'>): Section {
  return { id: key, script, onFailure: 'continue' };
}

function isJoint({ joint }: Probe<unknown>, asked: readonly Probe<unknown>[]): boolean {
  return joint !== undefined && asked.filter((it) => it.joint?.by === joint.by).length > 1;
}

function jointQuestion(
  joint: Joint,
  asked: readonly Probe<unknown>[],
): Pick<Probe<unknown>, 'key' | 'script'>[] {
  const about = asked.flatMap((it) => (it.joint?.by === joint ? it.joint.about : []));
  return about.length > 1 ? [{ key: joint.key, script: joint.script(about) }] : [];
}

function learnsOf(units: ReadonlySet<string>): Section {
  return { id: 'units', script: askUnits(units), onFailure: 'continue', shared: true };
}

function begins(key: string, script: Command): Section {
  return { id: `${key}:ahead`, script, onFailure: 'continue', shared: true };
}

export function factsFrom(result: RunResult, mark: string): HostFacts {
  const { finished, unfinished } = parseFrame(result, mark);
  const why = result.timedOut
    ? `the host did not answer within the time limit${unfinished === null ? '' : ` (at "${unfinished}")`}`
    : 'the host did not answer this';
  const answers = finished.flatMap((outcome): [string, ProbeOutput][] => {
    const joint = JOINTS.get(outcome.id);
    return joint === undefined ? [[outcome.id, outcome]] : [...joint.split(outcome)];
  });
  return new HostFacts(new Map(answers), why);
}
