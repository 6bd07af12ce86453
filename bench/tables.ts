import type { ContenderName } from './contenders.js';
import { type Measured, median, type Results } from './rounds.js';

const NAMES: Readonly<Record<ContenderName, string>> = {
  floor: 'one script over one `ssh` a host',
  lbctl: '**lbctl**',
  ansible: 'Ansible, tuned',
  mitogen: 'Ansible with mitogen',
};

export interface Column {
  readonly head: string;
  cell(runs: readonly Measured[], floor: readonly Measured[]): string;
}

const wall = (runs: readonly Measured[]) => median(runs.map((it) => it.wall));
const cpu = (runs: readonly Measured[]) => median(runs.map((it) => it.cpu));

export const COLUMNS = {
  wall: { head: 'time', cell: (runs) => `${wall(runs).toFixed(2)} s` },
  ratio: { head: '× floor', cell: (runs, floor) => (wall(runs) / wall(floor)).toFixed(2) },
  cpu: { head: 'CPU here', cell: (runs) => `${cpu(runs).toFixed(2)} s` },
  rss: { head: 'memory', cell: (runs) => `${Math.max(...runs.map((it) => it.rss)).toFixed(0)} MB` },
  spread: {
    head: 'fastest to slowest',
    cell: (runs) =>
      `${Math.min(...runs.map((it) => it.wall)).toFixed(2)} to ${Math.max(...runs.map((it) => it.wall)).toFixed(2)} s`,
  },
  runs: { head: 'runs', cell: (runs) => String(runs.length) },
} satisfies Record<string, Column>;

export function cpuPerHost(hosts: number): Column {
  return { head: 'CPU here, a host', cell: (runs) => `${(cpu(runs) / hosts).toFixed(3)} s` };
}

/** The worst or the middle of what a scenario measured besides. */
export function extraColumn(head: string, key: string, pick: 'median' | 'max', unit = ''): Column {
  return {
    head,
    cell(runs) {
      const values = runs.map((it) => it.extra[key] ?? Number.NaN);
      const value = pick === 'max' ? Math.max(...values) : median(values);
      return `${Number.isInteger(value) ? value : value.toFixed(1)}${unit}`;
    },
  };
}

export function table(title: string, note: string, results: Results, columns: readonly Column[]): string {
  const floor = results.get('floor') ?? [];
  const rows = [...results].map(([name, runs]) => [
    NAMES[name],
    ...columns.map((it) => it.cell(runs, floor)),
  ]);
  return markdown(title, note, ['', ...columns.map((it) => it.head)], rows);
}

export function markdown(
  title: string,
  note: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `### ${title}\n\n${note}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
