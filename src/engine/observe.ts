import { type Command, raw, sh } from '../base/shell.js';
import { JOINT_FILES } from '../resources/probes/file.js';
import { tellUnits, unitsQuestion } from '../resources/probes/units.js';
import type { Joint, Probe, ProbeOutput } from '../resources/types.js';
import type { RunResult, Session } from '../transport/types.js';
import { HostFacts } from './facts.js';
import {
  AWAITED,
  awaitsBeside,
  beginsBeside,
  frame,
  inBackground,
  newMark,
  parseFrame,
  type Section,
} from './framing.js';

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
  const { early, units, first, ahead, asked } = arrange(probes);
  const answer = units === null ? null : sh`asked_units=$(${unitsQuestion(units)})`;
  const known = units === null || answer === null ? [] : [silent('units', tellUnits(units, answer))];
  return [...early, ...known, ...first, ...ahead, ...asked.map(question)];
}

/**
 * The same where the host has little else to do: systemd is asked beside what has nothing to do with units. `file` is the caller's
 * to remove.
 */
export function probeSectionsBeside(probes: readonly Probe<unknown>[], file: string): Section[] {
  const { early, units, first, ahead, asked } = arrange(probes);
  if (units === null) return [...early, ...first, ...ahead, ...asked.map(question)];
  const begin = inBackground(sh`umask 077; exec >${file}; ${unitsQuestion(units)}`);
  const answer = sh`${AWAITED} && asked_units= && while IFS= read -r asked_part; do
  asked_units="$asked_units$asked_part
"
done <${file}`;
  const isLater = ({ asksUnit, late }: Partial<Probe<unknown>>) => asksUnit !== undefined || late === true;
  return [
    silent('begins units', begin),
    ...early,
    ...first,
    ...asked.filter((it) => !isLater(it)).map(question),
    silent('units', tellUnits(units, answer)),
    ...ahead,
    ...asked.filter(isLater).map(question),
  ];
}

function arrange(probes: readonly Probe<unknown>[]) {
  const byKey = new Map(probes.map((probe) => [probe.key, probe]));
  const asked = [...byKey.values()];
  const about = asked.flatMap((probe) => probe.asksUnit ?? []);
  const alone = asked.filter((it) => !isJoint(it, asked));
  // A script with one question alone gains nothing by asking it twice.
  const ahead = asked.length < 2 ? [] : asked;
  return {
    early: alone.filter((it) => it.early === true).map(question),
    units: about.length > 1 ? new Set(about) : null,
    first: ahead.filter((it) => it.asksUnit === undefined).flatMap(beginning),
    ahead: ahead.filter((it) => it.asksUnit !== undefined).flatMap(beginning),
    asked: [
      ...alone.filter((it) => it.early !== true && it.late !== true),
      ...[...JOINTS.values()].flatMap((it) => jointQuestion(it, asked)),
      ...alone.filter((it) => it.late === true),
    ],
  };
}

function beginning({ key, ahead }: Probe<unknown>): Section[] {
  return ahead === undefined ? [] : [silent(`${key}:ahead`, ahead)];
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

/** What is told of by the sections after it. */
function silent(id: string, script: Command): Section {
  return { id, script, onFailure: 'continue', shared: true };
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
