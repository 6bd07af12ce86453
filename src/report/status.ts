import type { ClusterState, ClusterStatus, HostStatus, StatusDocument } from '../engine/documents.js';
import { chalkPaint } from './chalk-paint.js';
import { type Cell, table } from './columns.js';
import type { Paint } from './paint.js';
import { noteLines, problemLines } from './problem-lines.js';
import { oneLine } from './sanitize.js';

const STATES: Record<ClusterState, { words: string; color: keyof Paint; advice: string | null }> = {
  healthy: { words: 'healthy', color: 'green', advice: null },
  degraded: {
    words: 'degraded (served, but one failure away from an outage)',
    color: 'yellow',
    advice: 'lbctl up repairs what it can; lbctl plan shows first what that would be',
  },
  down: {
    words: 'down (not served)',
    color: 'red',
    advice:
      'lbctl up repairs what it can; then look at the servers, and at journalctl -u haproxy -u keepalived',
  },
  split_brain: {
    words: 'split brain (a VIP on several hosts at once)',
    color: 'red',
    advice: 'let VRRP (IP protocol 112) pass between the hosts: packet filters, switches, virtual_router_id',
  },
  unknown: {
    words: 'unknown (too little could be seen)',
    color: 'red',
    advice: 'lbctl ping tells which hosts cannot be reached, and why',
  },
};

/**
 * A status for people: for each cluster its state, who holds each VIP, its hosts, its servers as the HAProxys see
 * them, and what is wrong. No line feed at the end.
 */
export function formatStatus(status: StatusDocument, options: { readonly color: boolean }): string {
  const paint = chalkPaint(options);
  return status.clusters.map((cluster) => clusterLines(cluster, paint).join('\n')).join('\n\n');
}

function clusterLines(cluster: ClusterStatus, paint: Paint): string[] {
  const { words, color, advice } = STATES[cluster.state];
  return [
    `${paint.bold(`${oneLine(cluster.name)}:`)} ${paint[color](words)}`,
    ...section(table(vipRows(cluster, paint), '  ')),
    ...section(table(hostRows(cluster, paint), '  ')),
    ...section(cluster.servers.length > 0 ? table(serverRows(cluster, paint), '  ') : []),
    ...section(problemLines(cluster.problems, paint)),
    ...section(noteLines(cluster.notices, paint), cluster.problems.length > 0),
    ...(advice === null ? [] : section([`  ${paint.cyan('hint:')} ${advice}`], cluster.problems.length > 0)),
  ];
}

/** Lines with an empty one before them, unless they continue what stands above. */
function section(lines: string[], continues = false): string[] {
  return lines.length === 0 || continues ? lines : ['', ...lines];
}

function vipRows({ virtual_ips, hosts }: ClusterStatus, paint: Paint): Cell[][] {
  // A host that does not answer may well hold it.
  const nobody = hosts.every((host) => host.reachable) ? 'nobody' : 'none of the hosts that were reached';
  return virtual_ips.map((vip) => vipRow(vip, nobody, paint));
}

function vipRow(vip: ClusterStatus['virtual_ips'][number], nobody: string, paint: Paint): Cell[] {
  const holders = vip.holders.map(oneLine);
  const isRight = holders.length === 1 && (vip.expected === null || vip.holders[0] === vip.expected);
  const expected = isRight || vip.expected === null ? '' : `, expected on ${oneLine(vip.expected)}`;
  const who = holders.length === 0 ? nobody : holders.join(' and ');
  const color = isRight ? paint.green : holders.length === 1 ? paint.yellow : paint.red;
  return [
    { text: `VIP ${oneLine(vip.address)}`, style: paint.bold },
    { text: oneLine(vip.instance) },
    { text: `held by ${who}${expected}`, style: color },
  ];
}

function hostRows(cluster: ClusterStatus, paint: Paint): Cell[][] {
  const instances = [...new Set(cluster.hosts.flatMap((host) => Object.keys(host.instances)))];
  const titles = ['HOST', 'ADDRESS', 'HAPROXY', 'KEEPALIVED', ...instances.map(oneLine)];
  const header = titles.map((text) => ({ text, style: paint.dim }));
  return [header, ...cluster.hosts.map((host) => hostRow(host, instances, paint))];
}

function hostRow(host: HostStatus, instances: readonly string[], paint: Paint): Cell[] {
  const name = [{ text: oneLine(host.name), style: paint.bold }, { text: oneLine(host.address) }];
  if (!host.reachable) return [...name, { text: 'unreachable', style: paint.red }];
  const service = (state: string | null): Cell => ({
    text: oneLine(state ?? 'unknown'),
    style: state === 'active' ? paint.green : paint.red,
  });
  return [
    ...name,
    service(host.haproxy),
    service(host.keepalived),
    ...instances.map((instance) => instanceCell(host.instances[instance], paint)),
  ];
}

/** `MASTER 250`; where keepalived counts with another priority than the configured: `FAULT 250, effective 0`. */
function instanceCell(instance: HostStatus['instances'][string] | undefined, paint: Paint): Cell {
  if (instance === undefined) return { text: '-', style: paint.dim };
  const { state, priority, effective_priority: effective } = instance;
  const isUsual = state === 'MASTER' || state === 'BACKUP';
  const differs = effective !== priority;
  if (state === null && priority === null && !differs) return { text: 'unknown', style: paint.red };
  const numbers = `${priority ?? '?'}${differs ? `, effective ${effective ?? 'unknown'}` : ''}`;
  return {
    text: `${oneLine(state ?? 'unknown')} ${numbers}`,
    style: !isUsual ? paint.red : differs ? paint.yellow : undefined,
  };
}

function serverRows(cluster: ClusterStatus, paint: Paint): Cell[][] {
  const header = ['SERVER', 'ADDRESS', 'STATE'].map((text) => ({ text, style: paint.dim }));
  const rows = cluster.servers.map(({ backend, server, address, status }) => [
    { text: oneLine(`${backend}/${server}`) },
    { text: oneLine(address) },
    { text: agreed(status, cluster.hosts.length), style: serverColor(Object.values(status), paint) },
  ]);
  return [header, ...rows];
}

/** `UP` where every host says so, else `UP on lb1; DOWN on lb2`. */
function agreed(status: Readonly<Record<string, string>>, hosts: number): string {
  const said = Object.entries(status);
  const states = [...new Set(said.map(([, state]) => state))];
  if (states.length === 0) return 'unknown';
  if (states.length === 1 && said.length === hosts) return oneLine(states.join());
  return states
    .map((state) => {
      const seenBy = said.filter(([, other]) => other === state).map(([host]) => oneLine(host));
      return `${oneLine(state)} on ${seenBy.join(', ')}`;
    })
    .join('; ');
}

function serverColor(states: readonly string[], paint: Paint): ((text: string) => string) | undefined {
  const up = states.filter((state) => /^(UP|no check)/.test(state)).length;
  if (up === states.length && up > 0) return paint.green;
  return up === 0 ? paint.red : paint.yellow;
}
