import type { ClusterHistory, HistoryDocument } from '../engine/documents.js';
import { chalkPaint } from './chalk-paint.js';
import { diffLines } from './diff-lines.js';
import type { Paint } from './paint.js';
import { problemLines } from './problem-lines.js';
import { oneLine } from './sanitize.js';

/** The runs of each cluster for people, the youngest first. No line feed at the end. */
export function formatHistory(
  { clusters }: HistoryDocument,
  options: { readonly color: boolean; readonly diff: boolean },
): string {
  const paint = chalkPaint(options);
  return clusters.map((it) => clusterLines(it, options.diff, paint).join('\n')).join('\n\n');
}

function clusterLines(
  { name, generations, problems }: ClusterHistory,
  diff: boolean,
  paint: Paint,
): string[] {
  const youngest = generations[0];
  const none = generations.length === 0 && problems.length === 0 ? ['  lbctl has changed nothing here'] : [];
  const canGoBack = youngest !== undefined && youngest.number > 0;
  return [
    paint.bold(`${oneLine(name)}:`),
    ...problemLines(problems, paint),
    ...none,
    ...generations.flatMap((it) => generationLines(it, diff, paint)),
    ...(canGoBack
      ? [`  \`lbctl rollback --to ${youngest.number}\`: as it was before run ${youngest.number}`]
      : []),
  ];
}

function generationLines(
  { number, who, command, when, hosts }: ClusterHistory['generations'][number],
  withDiffs: boolean,
  paint: Paint,
): string[] {
  const what = number === 0 ? ' (0 is what was there before lbctl)' : '';
  const time = when.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
  return [
    `  ${paint.bold(`run ${number}`)}  ${oneLine(time)}  ${oneLine(command)} by ${oneLine(who)}${paint.dim(what)}`,
    ...Object.entries(hosts).flatMap(([host, { changes, diff, reverted }]) => [
      `    ${oneLine(host)}: ${changes.length === 0 ? 'no changes noted' : changes.map(oneLine).join(', ')}`,
      ...(reverted === null
        ? []
        : [`      ${paint.yellow(`went back by itself at ${oneLine(reverted)}: its operator was gone`)}`]),
      ...(withDiffs && diff !== null ? diffLines(diff, paint, '        ') : []),
    ]),
  ];
}
