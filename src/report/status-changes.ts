import { withoutCounts } from '../base/counts.js';
import type { ClusterStatus, HostStatus, Problem, StatusDocument } from '../engine/documents.js';
import { oneLine } from './sanitize.js';

/** What changed from one look to the next, one a line; everything that is to be said at the first. */
export function statusChanges(before: StatusDocument | null, after: StatusDocument): string[] {
  return after.clusters.flatMap((cluster) => {
    const old = before?.clusters.find((it) => it.name === cluster.name) ?? null;
    return [
      ...stateChange(old, cluster),
      ...holderChanges(old, cluster),
      ...hostChanges(old, cluster),
      ...serverChanges(old, cluster),
      ...problemChanges(old, cluster),
    ].map((text) => oneLine(`${cluster.name}: ${text}`));
  });
}

/** Whether two looks say the same; ages and counts in messages alone are no change. */
export function sameStatus(one: StatusDocument, other: StatusDocument): boolean {
  return substance(one) === substance(other);
}

function substance(status: StatusDocument): string {
  const keys = (problems: readonly Problem[]) => problems.map(keyOf).sort();
  const clusters = status.clusters.map((it) => ({
    ...it,
    problems: keys(it.problems),
    notices: keys(it.notices),
  }));
  return JSON.stringify(clusters);
}

function stateChange(before: ClusterStatus | null, { state }: ClusterStatus): string[] {
  if (before === null) return [state];
  return before.state === state ? [] : [`${before.state} -> ${state}`];
}

function holderChanges(before: ClusterStatus | null, { virtual_ips }: ClusterStatus): string[] {
  return virtual_ips.flatMap(({ address, instance, holders }) => {
    const old = before?.virtual_ips.find((it) => it.address === address && it.instance === instance);
    const is = names(holders);
    if (old === undefined) return [`VIP ${address} held by ${is}`];
    const was = names(old.holders);
    return was === is ? [] : [`VIP ${address} held by ${is} (was ${was})`];
  });
}

function names(holders: readonly string[]): string {
  return holders.join(' and ') || 'nobody';
}

function hostChanges(before: ClusterStatus | null, { hosts }: ClusterStatus): string[] {
  return hosts.flatMap((host) => {
    const old = before?.hosts.find((it) => it.name === host.name);
    if (old === undefined) return [];
    if (old.reachable !== host.reachable)
      return [`${host.name}: ${host.reachable ? 'is back' : 'out of reach'}`];
    return host.reachable ? ownChanges(old, host).map((it) => `${host.name}: ${it}`) : [];
  });
}

function ownChanges(old: HostStatus, host: HostStatus): string[] {
  const services = (['haproxy', 'keepalived'] as const).flatMap((name) =>
    change(name, old[name] ?? 'unknown', host[name] ?? 'unknown'),
  );
  const instances = Object.entries(host.instances).flatMap(([name, now]) => {
    const was = old.instances[name];
    if (was === undefined) return [];
    const priority = change(
      `${name} effective priority`,
      `${was.effective_priority ?? 'unknown'}`,
      `${now.effective_priority ?? 'unknown'}`,
    );
    return [...change(name, was.state ?? 'unknown', now.state ?? 'unknown'), ...priority];
  });
  return [...services, ...instances];
}

function change(what: string, was: string, is: string): string[] {
  return was === is ? [] : [`${what} ${was} -> ${is}`];
}

function serverChanges(before: ClusterStatus | null, { servers }: ClusterStatus): string[] {
  return servers.flatMap(({ backend, server, status }) => {
    const old = before?.servers.find((it) => it.backend === backend && it.server === server)?.status;
    return Object.entries(status).flatMap(([host, is]) => {
      const was = old?.[host];
      return was === undefined ? [] : change(`${host}: server ${backend}/${server}`, was, is);
    });
  });
}

function problemChanges(before: ClusterStatus | null, after: ClusterStatus): string[] {
  const [old, now] = [byKey(before?.problems), byKey(after.problems)];
  const noted = byKey(before?.notices);
  return [
    ...[...now].filter(([key]) => !old.has(key)).map(([, it]) => `! ${told(it)}`),
    ...[...old].filter(([key]) => !now.has(key)).map(([, it]) => `over: ${told(it)}`),
    ...after.notices.filter((it) => !noted.has(keyOf(it))).map((it) => `note: ${told(it)}`),
  ];
}

function byKey(problems: readonly Problem[] = []): Map<string, Problem> {
  return new Map(problems.map((it) => [keyOf(it), it]));
}

/** Messages hold ages and counts: those alone make no other problem. A port, an address or a name does. */
function keyOf({ code, host, message }: Problem): string {
  const ageless = message
    .replace(/\b\d+ (s|min|h|day)s?\b/g, '0 $1')
    .replace(/\((?:once|\d+ times),/, '(0 times,');
  // keepalived's own words hold whatever it counted.
  return `${code} ${host} ${code.startsWith('log_') ? withoutCounts(ageless) : ageless}`;
}

function told({ code, host, message }: Problem): string {
  return `${host === null ? '' : `${host}: `}${message} [${code}]`;
}
