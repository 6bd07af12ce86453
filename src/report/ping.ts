import type { PingDocument } from '../engine/documents.js';
import { chalkPaint } from './chalk-paint.js';
import { type Cell, table } from './columns.js';
import type { Paint } from './paint.js';
import { problemLines } from './problem-lines.js';
import { oneLine } from './sanitize.js';

type PingCluster = PingDocument['clusters'][number];
type PingHost = PingCluster['hosts'][number];

/** For people: one table a cluster, and what is wrong below it. No line feed at the end. */
export function formatPing(document: PingDocument, options: { readonly color: boolean }): string {
  const paint = chalkPaint(options);
  return document.clusters.map((cluster) => clusterLines(cluster, paint).join('\n')).join('\n\n');
}

function clusterLines({ name, hosts }: PingCluster, paint: Paint): string[] {
  const titles = ['HOST', 'ADDRESS', 'CONNECTION', 'ROOT', 'TOOLS', 'PACKAGES', 'SYSTEM'];
  const header = titles.map((text) => ({ text, style: paint.dim }));
  const problems = problemLines(
    hosts.flatMap((host) => (host.problem === null ? [] : [{ ...host.problem, host: host.name }])),
    paint,
  );
  return [
    paint.bold(`${oneLine(name)}:`),
    ...table([header, ...hosts.map((host) => hostRow(host, paint))], '  '),
    ...(problems.length === 0 ? [] : ['', ...problems]),
  ];
}

function hostRow(host: PingHost, paint: Paint): Cell[] {
  const { reachable, root, missing, package_manager, system, duration_ms } = host;
  const unknown: Cell = { text: '-', style: paint.dim };
  const toldAbout = reachable && root;
  return [
    { text: oneLine(host.name), style: paint.bold },
    { text: oneLine(host.address) },
    reachable ? { text: `ok (${duration_ms} ms)`, style: paint.green } : { text: 'failed', style: paint.red },
    !reachable ? unknown : root ? { text: 'ok', style: paint.green } : { text: 'refused', style: paint.red },
    !toldAbout
      ? unknown
      : missing.length === 0
        ? { text: 'ok', style: paint.green }
        : { text: `no ${missing.map(oneLine).join(', ')}`, style: paint.red },
    package_manager === null ? unknown : { text: oneLine(package_manager) },
    system === null ? unknown : { text: oneLine(system) },
  ];
}
