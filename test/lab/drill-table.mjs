// The table of test/lab/drill-table: reads what two drills printed with --json, the second one with adverts every 0.1 s.
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

/** Milliseconds of the longest gap, and failed requests; null: no target. */
const TARGETS = {
  'keepalived-stop': { gap: 150, failed: 0 },
  'haproxy-stop': { gap: 150, failed: 2 },
  'haproxy-kill': { gap: 200, failed: 15 },
  'haproxy-hang': { gap: 2800, failed: null },
  'keepalived-kill': { gap: 3000, failed: null },
  'network-cut': { gap: 3200, failed: null },
};
const QUICK = { 'network-cut': { gap: 300, failed: null } };
/** Of a request a second time on the way back to the better host. */
const RETURN_FAILED = 1;

const [slow, quick] = process.argv.slice(2).map(faultsIn);
let missed = 0;

console.log(`| fault on the active host | longest gap | slowest request | failed | noticed | taken over | runs | target | |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |`);
rows(slow, TARGETS, '');
rows(quick, QUICK, ', `advert_int: 0.1`');

const back = [...slow, ...quick].map((it) => it.return).filter((it) => it !== null);
const failed = back.map((it) => it.failed);
const isBackGood = back.length > 0 && median(failed) <= RETURN_FAILED;
if (!isBackGood) missed++;
console.log(
  `| return of the better host, every fault | ${ms(back.map((it) => it.longest_gap_ms))} | ${ms(back.map((it) => it.slowest_ms))} | ${spread(failed)} | | | ${back.length} | ≤ ${RETURN_FAILED} failed | ${verdict(isBackGood)} |`,
);

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
    const isGood =
      runs.length > 0 &&
      runs.every((it) => it.restored) &&
      median(gaps) < target.gap &&
      (target.failed === null || median(lost) <= target.failed);
    if (!isGood) missed++;
    const words = `< ${target.gap} ms${target.failed === null ? '' : `, ${target.failed === 0 ? '' : '≤ '}${target.failed} failed`}`;
    const [slowest, noticed, taken] = ['slowest_ms', 'detection_ms', 'takeover_ms'].map((key) =>
      ms(runs.map((it) => it[key])),
    );
    console.log(
      `| ${name}${suffix} | ${spread(gaps, ' ms')} | ${slowest} | ${spread(lost)} | ${noticed} | ${taken} | ${runs.length} | ${words} | ${verdict(isGood)} |`,
    );
  }
}

function verdict(isGood) {
  return isGood ? 'met' : '**missed**';
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
