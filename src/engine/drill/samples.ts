/** One request of the client loop; times in milliseconds since the epoch, by our clock. */
export interface Sample {
  readonly start: number;
  readonly end: number;
  readonly ok: boolean;
  /** Why it failed; empty for one that was answered. */
  readonly why: string;
}

export interface Figures {
  readonly requests: number;
  readonly failed: number;
  /** The longest time in which the client asked and got no answer. */
  readonly longest_gap_ms: number;
  /** Of those that were answered; null where none was. */
  readonly slowest_ms: number | null;
  /** Requests a second that were really begun. */
  readonly rate: number;
  /** How long the client itself paused at most beyond its interval: gaps do not count that time. */
  readonly client_late_ms: number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
  /** Milliseconds between two requests, as they were wanted. */
  readonly interval: number;
}

/**
 * What a client saw from `from` to `to`. A request belongs to the span in which it was begun, and to the first span as
 * well when it was still under way when that began.
 */
export function figuresOf(samples: readonly Sample[], span: Span): Figures {
  const { from, to } = span;
  const own = samples.filter(({ start, end }) => start < to && end >= from).sort((a, b) => a.start - b.start);
  const answered = own.filter(({ ok }) => ok);
  const stalls = stallsOf(
    samples.map(({ start }) => start).filter((start) => start >= from - 1000 && start < to),
    span.interval,
  );
  const seconds = (to - from) / 1000;
  return {
    requests: own.length,
    failed: own.length - answered.length,
    longest_gap_ms: round(longestGap(samples, own, span, stalls)),
    slowest_ms:
      answered.length === 0 ? null : round(Math.max(...answered.map(({ start, end }) => end - start))),
    rate: seconds > 0 ? round(own.filter(({ start }) => start >= from).length / seconds) : 0,
    client_late_ms: round(Math.max(0, ...stalls.map((stall) => stall.to - stall.from))),
  };
}

interface Stall {
  readonly from: number;
  readonly to: number;
}

/** Where the client began no request though it was time to. */
function stallsOf(starts: readonly number[], interval: number): Stall[] {
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.flatMap((start, index) => {
    const before = sorted[index - 1];
    return before === undefined || start - before <= 2 * interval
      ? []
      : [{ from: before + interval, to: start }];
  });
}

/** Between two answers, in the order in which they came; from the last one to the end where requests failed since. */
function longestGap(
  samples: readonly Sample[],
  own: readonly Sample[],
  { from, to }: Span,
  stalls: readonly Stall[],
): number {
  const ends = own
    .filter(({ ok }) => ok)
    .map(({ end }) => end)
    .sort((a, b) => a - b);
  const before = samples.filter(({ ok, end }) => ok && end < from).map(({ end }) => end);
  let last = before.length === 0 ? from : Math.max(...before);
  let longest = 0;
  for (const end of ends) {
    longest = Math.max(longest, withoutStalls({ from: last, to: end }, stalls));
    last = Math.max(last, end);
  }
  const unanswered = own.some(({ ok, start }) => !ok && start >= last);
  return unanswered ? Math.max(longest, withoutStalls({ from: last, to }, stalls)) : longest;
}

function withoutStalls({ from, to }: Stall, stalls: readonly Stall[]): number {
  const stalled = stalls.map((it) => Math.max(0, Math.min(to, it.to) - Math.max(from, it.from)));
  return Math.max(0, to - from - stalled.reduce((sum, it) => sum + it, 0));
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

/** Whether the last `calmMs` before `now` were without a failure and with enough answers. */
export function isCalm(
  samples: readonly Sample[],
  look: { readonly now: number; readonly calmMs: number; readonly interval: number },
): boolean {
  const since = look.now - look.calmMs;
  let answered = 0;
  for (let index = samples.length - 1; index >= 0; index--) {
    const sample = samples[index];
    // A failure is told up to a second after its start: samples come in the order of their ends.
    if (sample === undefined || sample.end < since) break;
    if (!sample.ok) return false;
    answered++;
  }
  return answered >= (0.3 * look.calmMs) / look.interval;
}
