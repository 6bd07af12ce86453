import type { PlanDocument } from '../engine/documents.js';
import type { ChangeSummary } from '../engine/events.js';
import { chalkPaint } from './chalk-paint.js';
import { table } from './columns.js';
import { diffLines } from './diff-lines.js';
import type { Paint } from './paint.js';
import { problemLines } from './problem-lines.js';
import { oneLine } from './sanitize.js';
import { count, countChanges, hostList } from './words.js';

type ClusterPlan = PlanDocument['clusters'][number];

const SYMBOL = { create: '+', update: '~', delete: '-' } as const;
const SYMBOL_COLOR = { create: 'green', update: 'yellow', delete: 'red' } as const;

/**
 * A plan for people: what would change on each host of each cluster and why, with diffs where they are wanted,
 * and one line that sums it up. No line feed at the end.
 */
export function formatPlan(
  plan: PlanDocument,
  options: { readonly color: boolean; readonly diff: boolean },
): string {
  const paint = chalkPaint(options);
  const sections = plan.clusters
    .filter(
      (cluster) => cluster.changes.length > 0 || cluster.problems.length > 0 || cluster.status === 'error',
    )
    .map((cluster) => clusterLines(cluster, options.diff, paint).join('\n'));
  return [...sections, summaryLine(plan, paint)].join('\n\n');
}

function clusterLines(cluster: ClusterPlan, withDiffs: boolean, paint: Paint): string[] {
  const name = paint.bold(`${oneLine(cluster.name)}:`);
  const head = cluster.status === 'error' ? paint.red('cannot be planned') : countChanges(cluster.changes);
  const hosts = [...new Set(cluster.changes.map((change) => change.host))];
  return [
    `${name} ${head}`,
    ...problemLines(cluster.problems, paint),
    ...hosts.flatMap((host) => {
      const changes = cluster.changes.filter((change) => change.host === host);
      return [`  ${paint.bold(oneLine(host))}`, ...hostLines(changes, withDiffs, paint)];
    }),
    ...classLines(cluster.changes, paint),
  ];
}

/** What clients may notice: one line for each class of changes, and for each thing that they may notice of it. */
function classLines(changes: readonly ChangeSummary[], paint: Paint): string[] {
  if (changes.length === 0) return [];
  const groups = new Map<string, ChangeSummary[]>();
  for (const change of changes) {
    const key = `${change.class} ${change.interruption}`;
    groups.set(key, [...(groups.get(key) ?? []), change]);
  }
  const rows = [...groups.values()].flatMap((group) => {
    const [one] = group;
    if (one === undefined) return [];
    const hosts = hostList([...new Set(group.map(({ host }) => host))]);
    return [[{ text: one.class }, { text: hosts }, { text: one.interruption, style: paint.dim }]];
  });
  return [`  ${paint.bold('what clients may notice')}`, ...table(rows, '    ')];
}

function hostLines(changes: readonly ChangeSummary[], withDiffs: boolean, paint: Paint): string[] {
  const rows = table(
    changes.map(({ verb, resource, reason }) => [
      { text: SYMBOL[verb], style: paint[SYMBOL_COLOR[verb]] },
      { text: oneLine(resource) },
      { text: oneLine(reason), style: paint.dim },
    ]),
    '    ',
  );
  return changes.flatMap(({ diff }, index) => [
    ...rows.slice(index, index + 1),
    ...(withDiffs && diff !== null ? diffLines(diff, paint, '        ') : []),
  ]);
}

function summaryLine({ clusters }: PlanDocument, paint: Paint): string {
  const changes = clusters.flatMap((cluster) => cluster.changes);
  const hosts = new Set(
    clusters.flatMap(({ name, changes }) => changes.map(({ host }) => `${name}/${host}`)),
  );
  const failed = clusters.filter((cluster) => cluster.status === 'error').length;
  const unplanned = paint.red(`${count(failed, 'cluster')} could not be planned.`);
  if (failed > 0 && changes.length === 0) return unplanned;
  const sum = changes.length === 0 ? 'No changes.' : `${countChanges(changes, hosts.size)}.`;
  return failed > 0 ? `${sum} ${unplanned}` : sum;
}
