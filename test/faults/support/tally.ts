/** What was tried and what was lost, printed at the end of a file. */
import { appendFileSync } from 'node:fs';
import { SEED } from './seed.js';

interface Row {
  tried: number;
  requests: number;
  failed: number;
  worst: number;
  exits: Map<string, number>;
  wrong: string[];
}

const rows = new Map<string, Row>();

function row(fault: string): Row {
  const found = rows.get(fault);
  if (found !== undefined) return found;
  const fresh: Row = { tried: 0, requests: 0, failed: 0, worst: 0, exits: new Map(), wrong: [] };
  rows.set(fault, fresh);
  return fresh;
}

export function tried(
  fault: string,
  exit: number | null,
  client?: { requests: number; failed: number },
): void {
  const it = row(fault);
  it.tried += 1;
  const code = exit === null ? 'killed' : `exit ${exit}`;
  it.exits.set(code, (it.exits.get(code) ?? 0) + 1);
  it.requests += client?.requests ?? 0;
  it.failed += client?.failed ?? 0;
  it.worst = Math.max(it.worst, client?.failed ?? 0);
}

/** Seen while a file runs, which takes its time. */
export function progress(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function wrong(fault: string, what: string): void {
  row(fault).wrong.push(what);
}

export function printTally(): void {
  const lines = [...rows].map(([fault, it]) => {
    const exits = [...it.exits].map(([code, times]) => `${code}: ${times}`).join(', ');
    const requests =
      it.requests === 0
        ? 'no client'
        : `${it.failed} of ${it.requests} requests lost, ${it.worst} at most at once`;
    const state = it.wrong.length === 0 ? 'nothing wrong' : `WRONG: ${it.wrong.join('; ')}`;
    return `  ${fault}: ${it.tried} tried (${exits}); ${requests}; ${state}`;
  });
  // For the sum that `run` prints when every file has ended.
  const sums = process.env.LBCTL_FAULT_TALLY;
  if (sums !== undefined) {
    const sum = (of: (it: Row) => number) => [...rows.values()].reduce((all, it) => all + of(it), 0);
    const all = [
      sum((it) => it.tried),
      sum((it) => it.requests),
      sum((it) => it.failed),
      sum((it) => it.wrong.length),
    ];
    appendFileSync(sums, `${all.join(' ')}\n`);
  }
  rows.clear();
  console.log([`faults, seed ${SEED} (LBCTL_FAULT_SEED=${SEED} repeats it):`, ...lines].join('\n'));
}
