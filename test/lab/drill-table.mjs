// The table of test/lab/drill-table, from what two drills printed with --json, the second one with adverts every 0.1 s:
// `node drill-table.mjs RUNS DEFAULT.json QUICK.json`, RUNS being how often each fault was to be made.
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

/** Milliseconds of the longest gap, and failed requests; null: no target. */
const TARGETS = {
  'keepalived-stop': { gap: 150, failed: 0 },
  'haproxy-stop': { gap: 150, failed: 2 },
  'haproxy-restart': { gap: 150, failed: 2 },
  'haproxy-kill': { gap: 200, failed: 15 },
  'haproxy-hang': { gap: 2800, failed: null },
  'keepalived-kill': { gap: 3000, failed: null, oneHolder: true },
  'network-cut': { gap: 3200, failed: null },
};
const QUICK_SUFFIX = ', `advert_int: 0.1`';
const QUICK = { 'network-cut': { gap: 300, failed: null } };
/** Of a request a second time on the way back to the better host. */
const RETURN_FAILED = 1;
/** Milliseconds: whoever gives way does so at the next advert that it hears, and clocks are not quite the same. */
const ONE_HOLDER = 100;

const [wanted, ...files] = process.argv.slice(2);
const runsWanted = Number(wanted);
const [slow, quick] = files.map(faultsIn);
let missed = 0;

console.log(`| fault on the active host | longest gap | slowest request | failed | noticed | taken over | two holders | runs | target | |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |`);
rows(slow, TARGETS, '');
rows(quick, QUICK, QUICK_SUFFIX);
wayBack();

const [one] = slow;
const paused = Math.max(0, ...[...slow, ...quick].map((it) => it.client_late_ms));
console.log(`
Medians, in parentheses the least and the most. ${one === undefined ? 'Nothing was measured' : `Measured by ${one.measured_from}, ${Math.round(one.rate)} requests a second`}; the client itself paused for up to ${Math.round(paused)} ms. Load of this machine at the end: ${loadavg()[0].toFixed(1)}.`);
process.exitCode = missed === 0 ? 0 : 1;

function faultsIn(path) {
  const last = readFileSync(path, 'utf8').trim().split('\n').at(-1);
  const summary = last ? JSON.parse(last) : {};
  if (!summary.faults?.length) console.error(`drill-table: no figures: ${last}`);
  return summary.faults ?? [];
}

function rows(faults, targets, suffix) {
  for (const [name, target] of Object.entries(targets)) {
    const runs = faults.filter((it) => it.fault === name && it.made);
    const gaps = runs.map((it) => it.longest_gap_ms);
    const lost = runs.map((it) => it.failed);
    const both = runs.map((it) => it.two_holders_ms);
    const isGood =
      runs.length >= runsWanted &&
      runs.every((it) => it.restored) &&
      median(gaps) < target.gap &&
      (target.failed === null || median(lost) <= target.failed) &&
      (!target.oneHolder || Math.max(...both) < ONE_HOLDER);
    if (!isGood) missed++;
    const words = [
      `< ${target.gap} ms`,
      ...(target.failed === null ? [] : [`${target.failed === 0 ? '' : '≤ '}${target.failed} failed`]),
      ...(target.oneHolder ? ['one holder'] : []),
    ];
    const [slowest, noticed, taken] = ['slowest_ms', 'detection_ms', 'takeover_ms'].map((key) =>
      ms(runs.map((it) => it[key])),
    );
    row(
      `${name}${suffix}`,
      [spread(gaps, ' ms'), slowest, spread(lost), noticed, taken, spread(both, ' ms')],
      { runs: runs.length, target: words.join(', '), isGood },
    );
  }
}

/** The worst of the faults: one that costs clients something on the way back must not hide behind five that do not. */
function wayBack() {
  const groups = [...byFault(slow, ''), ...byFault(quick, QUICK_SUFFIX)].filter(
    ({ back }) => back.length > 0,
  );
  const middle = (group, key) => median(group.back.map((it) => it[key]));
  const [worst] = groups.sort(
    (a, b) =>
      middle(b, 'failed') - middle(a, 'failed') || middle(b, 'longest_gap_ms') - middle(a, 'longest_gap_ms'),
  );
  const isGood = worst !== undefined && middle(worst, 'failed') <= RETURN_FAILED;
  if (!isGood) missed++;
  const of = (key) => (worst?.back ?? []).map((it) => it[key]);
  row(
    `return of the better host, at its worst: after ${worst?.name}`,
    [ms(of('longest_gap_ms')), ms(of('slowest_ms')), spread(of('failed')), '', '', ''],
    { runs: groups.flatMap(({ back }) => back).length, target: `≤ ${RETURN_FAILED} failed`, isGood },
  );
}

/** What clients saw on the way back, fault by fault. */
function byFault(faults, suffix) {
  const names = [...new Set(faults.map((it) => it.fault))];
  return names.map((name) => ({
    name: `${name}${suffix}`,
    back: faults.flatMap((it) => (it.fault === name && it.return !== null ? [it.return] : [])),
  }));
}

function row(name, cells, { runs, target, isGood }) {
  console.log(`| ${[name, ...cells, runs, target, isGood ? 'met' : '**missed**'].join(' | ')} |`);
}

function median(values) {
  const sorted = values.filter((it) => it !== null).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function ms(values) {
  const middle = median(values);
  return Number.isNaN(middle) ? '–' : `${Math.round(middle)} ms`;
}

function spread(values, unit = '') {
  const known = values.filter((it) => it !== null);
  if (known.length === 0) return '–';
  const [middle, least, most] = [median(known), Math.min(...known), Math.max(...known)].map(Math.round);
  return `${middle}${unit} (${least}–${most})`;
}
