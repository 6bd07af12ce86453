import type { LockDocument, LockedHost } from '../engine/documents.js';
import { chalkPaint } from './chalk-paint.js';
import { type Cell, table } from './columns.js';
import type { Paint } from './paint.js';
import { problemLines } from './problem-lines.js';
import { oneLine } from './sanitize.js';
import { duration } from './words.js';

type LockedCluster = LockDocument['clusters'][number];

/** For people: one table a cluster, and what is wrong below it. No line feed at the end. */
export function formatLocks(document: LockDocument, options: { readonly color: boolean }): string {
  const paint = chalkPaint(options);
  return document.clusters.map((cluster) => clusterLines(cluster, paint).join('\n')).join('\n\n');
}

function clusterLines({ name, hosts }: LockedCluster, paint: Paint): string[] {
  const titles = ['HOST', 'ADDRESS', 'LOCK', 'OWNER', 'COMMAND', 'SINCE', 'LAST SIGN OF LIFE', 'EXPIRES'];
  const problems = problemLines(
    hosts.flatMap((host) => (host.problem === null ? [] : [{ ...host.problem, host: host.name }])),
    paint,
  );
  const some = hosts.some(({ lock }) => lock !== null);
  const header = (some ? titles : titles.slice(0, 3)).map((text) => ({ text, style: paint.dim }));
  return [
    paint.bold(`${oneLine(name)}:`),
    ...table([header, ...hosts.map((host) => hostRow(host, paint))], '  '),
    ...(problems.length === 0 ? [] : ['', ...problems]),
  ];
}

function hostRow({ name, address, state, lock, released }: LockedHost, paint: Paint): Cell[] {
  const styles = { free: paint.green, locked: paint.yellow, expired: paint.dim, unknown: paint.red };
  const shown =
    released === true ? { text: 'released', style: paint.green } : { text: state, style: styles[state] };
  const host = [{ text: oneLine(name), style: paint.bold }, { text: oneLine(address) }, shown];
  if (lock === null) return host;
  return [
    ...host,
    { text: oneLine(lock.who) },
    { text: oneLine(lock.command) },
    { text: oneLine(lock.since) },
    { text: `${seconds(lock.renewed_seconds_ago)} ago` },
    { text: expiry(lock) },
  ];
}

function expiry({ expires_in_seconds, step_running }: NonNullable<LockedHost['lock']>): string {
  if (expires_in_seconds > 0) return `in ${seconds(expires_in_seconds)}`;
  return step_running ? 'when its step ends' : 'now';
}

function seconds(amount: number): string {
  return duration(amount * 1000).replace('.0 s', ' s');
}

function ownersOf(owners: readonly LockedHost[]): string {
  const said = owners.flatMap(({ lock }) =>
    lock === null
      ? []
      : [
          `${oneLine(lock.who)} (\`${oneLine(lock.command)}\` since ${oneLine(lock.since)}, last sign of life ${seconds(lock.renewed_seconds_ago)} ago)`,
        ],
  );
  return [...new Set(said)].join(' and ');
}

const where = (owners: readonly LockedHost[]) => owners.map(({ name }) => oneLine(name)).join(', ');

export function releaseQuestion(cluster: string, owners: readonly LockedHost[]): string {
  return `${oneLine(cluster)}: release the lock of ${ownersOf(owners)} on ${where(owners)}?`;
}

/** What `--force` does to somebody who is at work. */
export function releaseRisk(cluster: string, owners: readonly LockedHost[]): string {
  return `warning: ${oneLine(cluster)}: ${ownersOf(owners)} is at work. Without its lock that run stops before its next step: the step that it is in goes on to its end, and what it has done so far is not undone. \`lbctl status\` and \`lbctl plan\` show what it leaves.`;
}

export function releaseRefusal(
  cluster: string,
  why: 'alive' | 'unreachable' | 'declined',
  owners: readonly LockedHost[] = [],
): string {
  const name = oneLine(cluster);
  switch (why) {
    case 'alive':
      return `error: ${name}: ${ownersOf(owners)} is at work: its lock is not released\n  hint: wait until that run has ended; a lock whose owner is gone frees itself within 60 s. --force releases it nevertheless`;
    case 'unreachable':
      return `error: ${name}: not every host could be asked: nothing is released\n  hint: --limit chooses the hosts that answer, --force goes on with them; a host that nobody reaches frees its lock by itself`;
    case 'declined':
      return `${name}: nothing is released`;
  }
}
