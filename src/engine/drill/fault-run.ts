import type { ClientFigures, ClusterStatus, FaultRun, FaultTimeline } from '../documents.js';
import { type Figures, figuresOf, type Sample } from './samples.js';
import { holdersOver, longestOverlap, movesOf, type Seen } from './timeline.js';

/** When what was done; milliseconds since the epoch, by our clock. */
export interface FaultStory {
  /** A moment before anything was done. */
  readonly began: number;
  /** null: it was not made. */
  readonly madeAt: number | null;
  readonly undoneAt: number;
  /** null: the pair did not become healthy. */
  readonly healthyAt: number | null;
  readonly endedAt: number;
  readonly error: string | null;
  /** It was ended early, by an interrupt or since the client loop was lost: nobody had the time to take over. */
  readonly cutShort: boolean;
}

export interface StoryInput {
  readonly cluster: { readonly name: string };
  readonly watch: { readonly seen: readonly Seen[] };
  readonly prober: { readonly samples: readonly Sample[]; readonly description: string };
  readonly rate: number;
  /** The virtual address that is asked: whose holders the timeline shows. */
  readonly address: string;
}

export interface FaultAbout {
  readonly name: string;
  readonly fault: { readonly moves: 'always' | 'perhaps' };
  readonly method: string | null;
  readonly host: string;
  readonly repetition: number;
  readonly before: Pick<ClusterStatus, 'virtual_ips'>;
}

/** Milliseconds of the life before a fault that its timeline shows. */
const LEAD = 500;

const NO_FIGURES: ClientFigures = {
  requests: 0,
  failed: 0,
  longest_gap_ms: 0,
  slowest_ms: null,
  rate: 0,
  client_late_ms: 0,
};

/** The figures of a fault, and its timeline, from everything that was seen. Pure. */
export function faultRun(input: StoryInput, about: FaultAbout, story: FaultStory): FaultRun {
  const { watch, prober } = input;
  const { host, before, fault } = about;
  const { madeAt, undoneAt, healthyAt, endedAt, error, cutShort } = story;
  const addresses = before.virtual_ips.filter((it) => it.holders.includes(host)).map((it) => it.address);
  const base = {
    cluster: input.cluster.name,
    fault: about.name,
    host,
    repetition: about.repetition,
    measured_from: prober.description,
    method: about.method,
    restored: healthyAt !== null,
    error,
  };
  if (madeAt === null) {
    const nothing = {
      detection_ms: null,
      detected_by: null,
      detected_as: null,
      takeover_ms: null,
      taken_over_by: null,
    };
    return {
      result: {
        ...base,
        ...NO_FIGURES,
        ...nothing,
        takeover_expected: fault.moves === 'always' && addresses.length > 0,
        made: false,
        longest_gap_ms: null,
        two_holders_ms: null,
        return: null,
        restore_ms: null,
      },
      timeline: null,
    };
  }
  const interval = 1000 / input.rate;
  const { noticed, takenOver } = movesOf(watch.seen, { from: madeAt - 5, to: undoneAt, host, addresses });
  const since = (at: number | undefined): number | null =>
    at === undefined ? null : round(Math.max(0, at - madeAt));
  const overlaps = before.virtual_ips.map(({ address, holders }) =>
    longestOverlap(holdersOver(watch.seen, { address, before: holders, from: madeAt, to: endedAt })),
  );
  const during = figuresOf(prober.samples, { from: madeAt, to: undoneAt, interval });
  return {
    result: {
      ...base,
      ...during,
      takeover_expected:
        fault.moves === 'always' && addresses.length > 0 && !(cutShort && takenOver === null),
      made: true,
      detection_ms: since(noticed?.at),
      detected_by: noticed?.host ?? null,
      detected_as: noticed?.what ?? null,
      takeover_ms: since(takenOver?.at),
      taken_over_by: takenOver?.host ?? null,
      two_holders_ms: round(Math.max(0, ...overlaps)),
      return: returnFigures(prober.samples, { from: undoneAt, to: endedAt, interval }),
      restore_ms: healthyAt === null ? null : round(healthyAt - undoneAt),
    },
    timeline: timelineOf(input, about, { ...story, madeAt }),
  };
}

/** Only what began after the undoing: what was under way then belongs to the fault. */
function returnFigures(
  samples: readonly Sample[],
  span: { readonly from: number; readonly to: number; readonly interval: number },
): Figures {
  return figuresOf(
    samples.filter(({ start, end, ok }) => start >= span.from || (ok && end < span.from)),
    span,
  );
}

function timelineOf(
  { watch, prober, address }: StoryInput,
  { before }: FaultAbout,
  story: FaultStory & { readonly madeAt: number },
): FaultTimeline {
  const { madeAt } = story;
  const [from, to] = [madeAt - LEAD, story.endedAt];
  const at = (time: number): number => round(time - madeAt);
  const held = before.virtual_ips.find((it) => it.address === address)?.holders ?? [];
  const spans = holdersOver(watch.seen, { address, before: held, from, to });
  return {
    from_ms: at(from),
    to_ms: at(to),
    undone_ms: at(story.undoneAt),
    holders: spans.map((it) => ({ host: it.host, from_ms: at(it.from), to_ms: at(it.to) })),
    notes: watch.seen.flatMap((it) =>
      it.kind === 'vrrp' && it.at >= from && it.at <= to
        ? [{ at_ms: at(it.at), host: it.host, text: `${it.instance}: ${it.what}` }]
        : [],
    ),
    requests: prober.samples
      .filter(({ start }) => start >= from && start <= to)
      .map(({ start, end, ok }) => ({ at_ms: at(start), took_ms: round(end - start), ok })),
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
