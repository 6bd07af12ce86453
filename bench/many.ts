import type { Contender, Fleet } from './contenders.js';
import { startMany, stopMany } from './hosts.js';
import { type Bench, contendersFor, runsOf } from './pair.js';
import { measure, rounds } from './rounds.js';
import { COLUMNS, cpuPerHost, table } from './tables.js';

const PAIRS = 10;

/** Twenty real hosts: containers with systemd, sshd, HAProxy and keepalived each, on this one machine. */
export async function many(bench: Bench, like: string): Promise<string> {
  process.stderr.write(`bench: many: starting ${PAIRS * 2} more hosts\n`);
  const hosts = await startMany(bench.lab, like, PAIRS);
  const clusters = [...new Set(hosts.map((host) => host.cluster))];
  const vips = Object.fromEntries(clusters.map((it, index) => [it, `${bench.lab.prefix}${210 + index}`]));
  const fleet: Fleet = { hosts, vips, firstRouterId: 101 };
  const contenders: Contender[] = await contendersFor(bench, fleet, 'many');
  const results = await rounds({
    title: 'many',
    contenders,
    runs: runsOf(bench),
    run: (it) => measure(bench.root, bench.work, it, 'a'),
  });
  await stopMany(bench.lab, hosts);
  const columns = [
    COLUMNS.wall,
    COLUMNS.ratio,
    COLUMNS.cpu,
    cpuPerHost(hosts.length),
    COLUMNS.rss,
    COLUMNS.spread,
    COLUMNS.runs,
  ];
  const note = `Real hosts, but all on this machine: what the scripts cost on ${hosts.length} hosts is paid for by the same processors.`;
  return table(`${hosts.length} hosts in ${PAIRS} clusters, nothing to do`, note, results, columns);
}
