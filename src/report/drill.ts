import type { FaultResult } from '../engine/documents.js';
import { type Cell, table } from './columns.js';
import type { Paint } from './paint.js';
import { oneLine } from './sanitize.js';
import { exact } from './words.js';

export const DRILL_HEAD = [
  'fault',
  'on',
  'noticed',
  'taken over',
  'longest gap',
  'slowest',
  'failed',
  'way back',
  'restored',
];

/** What each fault did, a line each; a fault that was made several times gets its medians. */
export function drillTable(faults: readonly FaultResult[], paint: Paint): string[] {
  if (faults.length === 0) return [];
  const groups = groupsOf(faults);
  const clusters = new Set(faults.map(({ cluster }) => cluster)).size;
  const head = DRILL_HEAD.map((text): Cell => ({ text, style: paint.dim }));
  const rows = groups.map((group) => drillCells(group, { withCluster: clusters > 1, paint }));
  const sources = [...new Set(faults.map(({ measured_from }) => oneLine(measured_from)))].join('; ');
  const late = Math.max(0, ...faults.map(({ client_late_ms }) => client_late_ms));
  const rate = Math.min(...faults.filter(({ made }) => made).map((it) => it.rate));
  const often = Math.max(...groups.map((group) => group.length));
  return [
    ...table([head, ...rows], '  '),
    `  measured by ${sources}${Number.isFinite(rate) ? `; ${Math.round(rate)} requests a second or more` : ''}${late >= 50 ? `; the client itself paused for up to ${exact(late)}` : ''}${often > 1 ? `; medians of ${often}` : ''}`,
  ];
}

/** By cluster and fault. */
export function groupsOf(faults: readonly FaultResult[]): FaultResult[][] {
  const groups = new Map<string, FaultResult[]>();
  for (const it of faults) {
    const key = `${it.cluster}/${it.fault}`;
    groups.set(key, [...(groups.get(key) ?? []), it]);
  }
  return [...groups.values()];
}

/** A line of the table: one fault, made once or several times. */
export function drillCells(
  group: readonly FaultResult[],
  { withCluster, paint }: { readonly withCluster: boolean; readonly paint: Paint },
): Cell[] {
  const [first] = group;
  const made = group.filter((it) => it.made);
  const ms = (values: readonly (number | null | undefined)[]): string => {
    const found = median(values.filter((it) => typeof it === 'number'));
    return found === null ? '-' : exact(found);
  };
  const on = [...new Set(group.map(({ host }) => oneLine(host)))].join(', ');
  const title = `${withCluster ? `${oneLine(first?.cluster ?? '')}/` : ''}${oneLine(first?.fault ?? '')}`;
  if (made.length === 0) {
    return [{ text: title, style: paint.bold }, { text: on }, { text: 'cannot be made', style: paint.red }];
  }
  const late = made.some((it) => it.takeover_expected && it.takeover_ms === null);
  const restored = group.every((it) => it.restored);
  const failed = median(made.map((it) => it.failed)) ?? 0;
  const requests = median(made.map((it) => it.requests)) ?? 0;
  const back = made.map((it) => it.return).filter((it) => it !== null);
  return [
    { text: title, style: paint.bold },
    { text: on },
    { text: ms(made.map((it) => it.detection_ms)) },
    late ? { text: 'no', style: paint.red } : { text: ms(made.map((it) => it.takeover_ms)) },
    { text: ms(made.map((it) => it.longest_gap_ms)) },
    { text: ms(made.map((it) => it.slowest_ms)) },
    { text: `${failed} of ${requests}`, style: failed === 0 ? paint.green : undefined },
    {
      text:
        back.length === 0
          ? '-'
          : `${ms(back.map((it) => it.longest_gap_ms))}, ${median(back.map((it) => it.failed))} failed`,
    },
    { text: restored ? 'yes' : 'no', style: restored ? paint.green : paint.red },
  ];
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) return null;
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}
