import type { ClusterRecap, HostOutcome, HostRecap, RunEvent } from '../engine/events.js';
import { type Cell, table } from './columns.js';
import { drillTable } from './drill.js';
import type { Paint } from './paint.js';
import { oneLine } from './sanitize.js';
import { duration } from './words.js';

export type Summary = Extract<RunEvent, { event: 'summary' }>;

const HOST_COLOR: Record<HostOutcome, keyof Paint> = {
  ok: 'green',
  changed: 'yellow',
  failed: 'red',
  unreachable: 'red',
  skipped: 'dim',
};

/**
 * What became of each host and each cluster, one line each. `onlyFailures` leaves out what went well; then, where
 * nothing failed, the text is empty. No line feed at the end.
 */
export function formatRecap(
  summary: Summary,
  options: { readonly paint: Paint; readonly onlyFailures: boolean },
): string {
  const { paint, onlyFailures } = options;
  const hosts = Object.entries(summary.hosts).filter(([, host]) => !onlyFailures || hasFailed(host));
  const clusters = Object.entries(summary.clusters).filter(([, cluster]) => !onlyFailures || !cluster.ok);
  if (onlyFailures && summary.ok && hosts.length === 0 && clusters.length === 0) return '';
  const verdict = summary.ok ? paint.green('Done') : paint.red('Failed');
  return [
    `${verdict} ${summary.ok ? 'in' : 'after'} ${duration(summary.duration_ms)}`,
    ...table(
      [
        ...hosts.map(([name, host]) => hostRow(name, host, paint)),
        ...clusters.map(([name, cluster]) => clusterRow(name, cluster, paint)),
      ],
      '  ',
    ),
    ...(onlyFailures ? [] : drillTable(summary.faults ?? [], paint)),
  ].join('\n');
}

function hasFailed(host: HostRecap): boolean {
  return host.status === 'failed' || host.status === 'unreachable' || host.error !== null;
}

function hostRow(name: string, host: HostRecap, paint: Paint): Cell[] {
  const said = [host.error, host.changed.length > 0 ? host.changed.join(', ') : null];
  return [
    { text: oneLine(name), style: paint.bold },
    { text: host.status, style: paint[HOST_COLOR[host.status]] },
    { text: said.flatMap((text) => (text === null ? [] : [oneLine(text)])).join('; changed: ') },
  ];
}

function clusterRow(name: string, cluster: ClusterRecap, paint: Paint): Cell[] {
  const verdict = cluster.state ?? (cluster.ok ? 'ok' : 'failed');
  return [
    { text: `cluster ${oneLine(name)}`, style: paint.bold },
    { text: oneLine(verdict), style: cluster.ok ? paint.green : paint.red },
    { text: cluster.error === null ? '' : oneLine(cluster.error) },
  ];
}
