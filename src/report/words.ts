import type { ChangeSummary } from '../engine/events.js';
import { oneLine } from './sanitize.js';

/** `web/lb1`, or `web` for what concerns the whole cluster. */
export function subject(cluster: string, host: string | null): string {
  return oneLine(host === null ? cluster : `${cluster}/${host}`);
}

export function count(amount: number, singular: string, plural = `${singular}s`): string {
  return `${amount} ${amount === 1 ? singular : plural}`;
}

/** `40 ms`, `1.2 s`, `2 min 5 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 100) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `655 ms`, `2,310 ms`: what is compared is not rounded to tenths of a second. */
export function exact(milliseconds: number): string {
  return `${String(Math.round(milliseconds)).replace(/\B(?=(\d{3})+$)/g, ',')} ms`;
}

const NAMED_HOSTS = 3;

/** The hosts by name while they are few, else their number. */
export function hostList(hosts: readonly string[]): string {
  return hosts.length > NAMED_HOSTS ? count(hosts.length, 'host') : hosts.map(oneLine).join(', ');
}

const VERBS = ['create', 'update', 'delete'] as const;

/** `2 to create, 3 to update on 2 hosts`; `no changes`. `hosts`: how many, where names repeat between clusters. */
export function countChanges(
  changes: readonly ChangeSummary[],
  hosts: number = new Set(changes.map((c) => c.host)).size,
): string {
  if (changes.length === 0) return 'no changes';
  const parts = VERBS.map((verb) => ({ verb, amount: changes.filter((c) => c.verb === verb).length }))
    .filter(({ amount }) => amount > 0)
    .map(({ verb, amount }) => `${amount} to ${verb}`);
  return `${parts.join(', ')} on ${count(hosts, 'host')}`;
}

/** A handler is named by what it does (`reload haproxy`), a resource by `TYPE` or `TYPE:NAME`. */
export function isHandler(resource: string): boolean {
  return resource.includes(' ');
}
