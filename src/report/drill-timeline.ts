import type { FaultRun, FaultTimeline } from '../engine/documents.js';
import { type Html, html } from './html.js';
import { count, exact } from './words.js';

/** Columns into which the requests are gathered. */
const COLUMNS = 160;
/** The pictures' own unit of width; they are stretched to the page. */
const WIDTH = 1000;

/** Who held the address and what the client saw, as rows of one time line, and the same in words. */
export function drillTimeline({ result, timeline }: FaultRun, hosts: readonly string[]): Html | null {
  if (timeline === null) return null;
  const marks = marksOf({ result, timeline });
  const scale = (ms: number): number => at(timeline, ms);
  const lines = html`${marks.map(({ at_ms }) => html`<line class="mark" x1="${scale(at_ms)}" x2="${scale(at_ms)}" y1="0" y2="100"/>`)}`;
  const rows = hosts.map(
    (host) =>
      html`<span>${host}</span>${picture(heldWords(timeline, host), '', html`${spansOf(timeline, host)}${lines}`)}`,
  );
  const asked = columnsOf(timeline);
  const most = Math.max(1, ...asked.map(({ ok, bad }) => ok + bad));
  const bars = asked.map(({ x, ok, bad }) => {
    const width = round(WIDTH / COLUMNS - 0.6);
    const up = round((ok / most) * 50);
    return html`${ok > 0 ? html`<rect class="answered" x="${x}" y="${round(50 - up)}" width="${width}" height="${up}"/>` : null}${
      bad > 0
        ? html`<rect class="failed" x="${x}" y="50" width="${width}" height="${round((bad / most) * 50)}"/>`
        : null
    }`;
  });
  const zero = html`<line class="zero" x1="0" x2="${WIDTH}" y1="50" y2="50"/>`;
  return html`<figure>
<div class="time">
${rows}
<span>requests</span>${picture(askedWords(timeline), 'asked', html`${bars}${zero}${lines}`)}
<span></span><div class="axis" aria-hidden="true">${ticksOf(timeline).map((ms) => html`<span style="left:${round(scale(ms) / 10)}%">${seconds(ms)}</span>`)}</div>
</div>
<figcaption>Bars: who held the address; requests answered (up) and failed (down); dashed: what the list says.</figcaption>
</figure>
<ol>${marks.map(({ at_ms, text }) => html`<li>${exact(at_ms)}: ${text}</li>`)}</ol>`;
}

function picture(words: string, name: string, body: Html): Html {
  return html`<svg class="${name}" viewBox="0 0 ${WIDTH} 100" preserveAspectRatio="none" role="img" aria-label="${words}">${body}</svg>`;
}

function at({ from_ms, to_ms }: FaultTimeline, ms: number): number {
  const part = (ms - from_ms) / Math.max(1, to_ms - from_ms);
  return round(Math.min(1, Math.max(0, part)) * WIDTH);
}

interface Mark {
  readonly at_ms: number;
  readonly text: string;
}

function marksOf({ result, timeline }: { result: FaultRun['result']; timeline: FaultTimeline }): Mark[] {
  const marks: (Mark | null)[] = [
    { at_ms: 0, text: `${result.fault} on ${result.host}` },
    result.detection_ms === null
      ? null
      : { at_ms: result.detection_ms, text: `${result.detected_by} noticed (${result.detected_as})` },
    result.takeover_ms === null
      ? null
      : { at_ms: result.takeover_ms, text: `${result.taken_over_by} took over` },
    { at_ms: timeline.undone_ms, text: 'undone' },
    result.restore_ms === null
      ? null
      : { at_ms: timeline.undone_ms + result.restore_ms, text: 'the pair is healthy' },
  ];
  return marks.filter((it) => it !== null).sort((a, b) => a.at_ms - b.at_ms);
}

function spansOf(timeline: FaultTimeline, host: string): Html[] {
  return timeline.holders
    .filter((it) => it.host === host)
    .map(({ from_ms, to_ms }) => {
      const [x, end] = [at(timeline, from_ms), at(timeline, to_ms)];
      return html`<rect class="held" x="${x}" y="0" width="${round(Math.max(2, end - x))}" height="100"/>`;
    });
}

function heldWords({ holders }: FaultTimeline, host: string): string {
  const own = holders.filter((it) => it.host === host);
  const when = own.map(({ from_ms, to_ms }) => `from ${exact(from_ms)} to ${exact(to_ms)}`).join(', ');
  return own.length === 0 ? `${host} did not hold the address` : `${host} held the address ${when}`;
}

function askedWords({ requests }: FaultTimeline): string {
  const failed = requests.filter(({ ok }) => !ok).length;
  return `${count(requests.length, 'request')}, ${failed} failed`;
}

function columnsOf(timeline: FaultTimeline): { x: number; ok: number; bad: number }[] {
  const columns = Array.from({ length: COLUMNS }, (_, index) => ({
    x: round((index * WIDTH) / COLUMNS),
    ok: 0,
    bad: 0,
  }));
  for (const { at_ms, ok } of timeline.requests) {
    const column = columns[Math.min(COLUMNS - 1, Math.floor((at(timeline, at_ms) / WIDTH) * COLUMNS))];
    if (column === undefined) continue;
    if (ok) column.ok++;
    else column.bad++;
  }
  return columns.filter(({ ok, bad }) => ok + bad > 0);
}

/** Whole seconds, five of them at most, and none so near to an end that it would stick out. */
function ticksOf({ from_ms, to_ms }: FaultTimeline): number[] {
  const step = [1, 2, 5, 10, 20, 60, 120, 600].find((it) => (to_ms - from_ms) / 1000 / it <= 5) ?? 3600;
  const margin = (to_ms - from_ms) / 25;
  const ticks: number[] = [];
  for (let ms = 0; ms <= to_ms - margin; ms += step * 1000)
    if (ms >= from_ms + margin || ms === 0) ticks.push(ms);
  return ticks;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
