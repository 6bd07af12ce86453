import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { FAULT_NAMES } from '../../../src/engine/drill/faults.js';

const PROGRAM = fileURLToPath(new URL('../../lab/drill-table.mjs', import.meta.url));
const RUNS = 3;
const folder = mkdtempSync(join(tmpdir(), 'lbctl-drill-table-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Fault {
  fault: string;
  made: boolean;
  restored: boolean;
  failed: number;
  two_holders_ms: number;
  return: { failed: number; longest_gap_ms: number; slowest_ms: number };
}

function figures(name: string): Fault[] {
  return Array.from({ length: RUNS }, () => ({
    ...{ fault: name, made: true, restored: true, failed: 0, longest_gap_ms: 70, slowest_ms: 3 },
    ...{ detection_ms: 5, takeover_ms: 65, two_holders_ms: 10, client_late_ms: 0 },
    ...{ measured_from: 'a test', rate: 100 },
    return: { failed: 0, longest_gap_ms: 15, slowest_ms: 2 },
  }));
}

/** The lines that are missed, by their first cell, and how the program ended. */
function table(spoil: (slow: Fault[], quick: Fault[]) => void) {
  const [slow, quick] = [FAULT_NAMES.flatMap(figures), figures('network-cut')];
  spoil(slow, quick);
  const files = [slow, quick].map((faults, index) => {
    const path = join(folder, `${index}.json`);
    writeFileSync(path, `{"event":"run"}\n${JSON.stringify({ event: 'summary', faults })}\n`);
    return path;
  });
  const { stdout, status } = spawnSync(process.execPath, [PROGRAM, String(RUNS), ...files], {
    encoding: 'utf8',
  });
  const lines = stdout.split('\n').filter((it) => it.startsWith('| '));
  const missed = lines.filter((it) => it.includes('**missed**')).map((it) => it.split(' | ')[0]?.slice(2));
  return { status, missed, rows: lines.length - 2 };
}

it('a table in which everything is met has a line for every fault, the quick cut and the way back', () => {
  expect(table(() => {})).toEqual({ status: 0, missed: [], rows: FAULT_NAMES.length + 2 });
});

it.each<[string, string[], (slow: Fault[], quick: Fault[]) => void]>([
  [
    'a run that was not made',
    ['haproxy-stop'],
    (slow) => void spoilOne(slow, 'haproxy-stop', { made: false }),
  ],
  ['a run that is missing', ['network-cut, `advert_int: 0.1`'], (_, quick) => void quick.pop()],
  [
    'one that was not restored',
    ['haproxy-hang'],
    (slow) => spoilOne(slow, 'haproxy-hang', { restored: false }),
  ],
  [
    'requests that failed in most runs',
    ['keepalived-stop'],
    (slow) => [1, 2].map(() => spoilOne(slow, 'keepalived-stop', { failed: 1 })),
  ],
  [
    'two holders after keepalived was killed, once',
    ['keepalived-kill'],
    (slow) => spoilOne(slow, 'keepalived-kill', { two_holders_ms: 1900 }),
  ],
  [
    'one fault of seven whose way back costs clients something',
    ['return of the better host, at its worst: after haproxy-kill'],
    (slow) => {
      for (const it of slow) if (it.fault === 'haproxy-kill') it.return.failed = 9;
    },
  ],
])('%s is a miss', (_, missed, spoil) => {
  expect(table(spoil)).toMatchObject({ status: 1, missed });
});

it('two holders while a host is cut off are no miss, nor is a single run that lost a request', () => {
  const spoil = (slow: Fault[]) => {
    for (const it of slow) if (it.fault === 'network-cut') it.two_holders_ms = 9000;
    spoilOne(slow, 'keepalived-stop', { failed: 1 });
  };
  expect(table(spoil).missed).toEqual([]);
});

/** The first one of that fault that is as it was. */
function spoilOne(faults: Fault[], name: string, changes: Partial<Fault>): void {
  const index = faults.findIndex((it) => it.fault === name && it.failed === 0 && it.made);
  const found = faults[index];
  if (found !== undefined) faults[index] = { ...found, ...changes };
}
