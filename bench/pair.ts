import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Contender, type Fleet, prepareAnsible, prepareFloor, prepareLbctl } from './contenders.js';
import type { Variant } from './floor.js';
import { type BenchHost, type Lab, managedFiles, resetPair, startClient } from './hosts.js';
import { type DelayProxy, startProxy } from './proxy.js';
import { type Measured, measure, median, type Results, rounds } from './rounds.js';
import { COLUMNS, extraColumn, table } from './tables.js';

export interface Bench {
  readonly root: string;
  readonly work: string;
  readonly lab: Lab;
  readonly runs: number;
  readonly slowRuns: number;
  readonly without: ReadonlySet<string>;
}

/** Milliseconds there and back in the scenario "latency". */
const FAR = 200;

/** Everybody who takes part, for one set of hosts; lbctl builds them first, the others get its files. */
export async function contendersFor(
  bench: Bench,
  fleet: Fleet,
  label: string,
  port = (host: BenchHost) => host.port,
) {
  const setup = { ...bench, fleet, label, port };
  const lbctl = await prepareLbctl(setup);
  await measure(bench.root, bench.work, lbctl, 'a');
  const files = new Map(
    await Promise.all(
      fleet.hosts.map(async (host) => [host.name, await managedFiles(bench.lab, host)] as const),
    ),
  );
  const all: Contender[] = [await prepareFloor(setup, files), lbctl];
  for (const name of ['ansible', 'mitogen'] as const) {
    if (!bench.without.has(name)) all.push(await prepareAnsible(setup, files, name));
  }
  return all;
}

export function runsOf(bench: Bench) {
  return (name: string) =>
    name === 'floor' || name === 'lbctl' ? bench.runs : Math.min(bench.runs, bench.slowRuns);
}

export async function rerun(bench: Bench, contenders: readonly Contender[]): Promise<string> {
  const results = await rounds({
    title: 'rerun',
    contenders,
    runs: runsOf(bench),
    run: (it) => measure(bench.root, bench.work, it, 'a'),
  });
  const columns = [COLUMNS.wall, COLUMNS.ratio, COLUMNS.cpu, COLUMNS.rss, COLUMNS.spread, COLUMNS.runs];
  return table('A pair, nothing to do', 'Everything is as it should be; each proves it.', results, columns);
}

export async function latency(bench: Bench, fleet: Fleet): Promise<string> {
  const proxies = new Map<string, DelayProxy>();
  for (const host of fleet.hosts) proxies.set(host.name, await startProxy(host.port));
  const every = [...proxies.values()];
  const contenders = await contendersFor(
    bench,
    fleet,
    'pair-far',
    (host) => proxies.get(host.name)?.port ?? 0,
  );
  let variant = 'a' as Variant;
  const run = async (contender: Contender): Promise<Measured> => {
    for (const proxy of every) proxy.takeCount();
    const measured = await measure(bench.root, bench.work, contender, variant);
    return { ...measured, extra: { trips: Math.max(...every.map((it) => it.takeCount())) } };
  };
  const edited = (contender: Contender) => {
    variant = variant === 'a' ? 'b' : 'a';
    return run(contender);
  };
  const runs = (name: string) => Math.min(bench.slowRuns, runsOf(bench)(name));
  /** The same near by and far away: what the distance adds is round trips that are waited for. */
  const both = async (title: string, once: typeof run): Promise<Results> => {
    const options = { contenders, runs, run: once, warmUp: false };
    for (const proxy of every) proxy.setRoundTrip(0);
    const near = await rounds({ ...options, title: `${title}, near by` });
    for (const proxy of every) proxy.setRoundTrip(FAR);
    const far = await rounds({ ...options, title });
    return new Map(
      [...far].map(([name, measured]) => {
        const nearby = median((near.get(name) ?? []).map((it) => it.wall));
        const waits = (wall: number) => ((wall - nearby) * 1000) / FAR;
        return [name, measured.map((it) => ({ ...it, extra: { ...it.extra, waits: waits(it.wall) } }))];
      }),
    );
  };
  const columns = [
    COLUMNS.wall,
    COLUMNS.ratio,
    extraColumn('round trips waited for', 'waits', 'median'),
    extraColumn('counted', 'trips', 'median'),
    COLUMNS.cpu,
    COLUMNS.runs,
  ];
  const same = await both('latency, rerun', run);
  const change = await both('latency, change', edited);
  if (variant === 'b') {
    for (const contender of contenders.slice(0, 1)) await measure(bench.root, bench.work, contender, 'a');
  }
  for (const proxy of every) proxy.close();
  const note = `${FAR} ms there and back, TCP's handshake included (a proxy on loopback delays both ways). Round trips waited for: the time that the distance adds, by ${FAR} ms. Counted: how often a host heard an answer to what it had said, on the busier of the two; some of them nobody waits for.`;
  return [
    table(`A pair ${FAR} ms away, nothing to do`, note, same, columns),
    table(`A pair ${FAR} ms away, one line changed`, 'HAProxy is reloaded on both hosts.', change, columns),
  ].join('\n');
}

/** Each run changes one line of haproxy.cfg there or back, while a client asks the virtual address. */
export async function change(bench: Bench, contenders: readonly Contender[], vip: string): Promise<string> {
  let variant = 'a' as Variant;
  const run = async (contender: Contender): Promise<Measured> => {
    variant = variant === 'a' ? 'b' : 'a';
    const stop = await startClient(bench.root, bench.lab, `http://${vip}/`);
    const measured = await measure(bench.root, bench.work, contender, variant);
    const report = await stop();
    return {
      ...measured,
      extra: { failed: report.failed, gap: report.longestGapMs },
    };
  };
  const results = await rounds({ title: 'change', contenders, runs: runsOf(bench), run });
  if (variant === 'b') await run(contenders[0] as Contender);
  const columns = [
    ...[COLUMNS.wall, COLUMNS.ratio, COLUMNS.cpu, COLUMNS.rss],
    extraColumn('failed requests', 'failed', 'max'),
    extraColumn('longest gap, median', 'gap', 'median', ' ms'),
    extraColumn('worst', 'gap', 'max', ' ms'),
    COLUMNS.runs,
  ];
  const note =
    'HAProxy is reloaded on both hosts while a client opens a connection to the virtual address every 10 ms.';
  return table('A pair, one line of haproxy.cfg changed', note, results, columns);
}

export async function build(bench: Bench, contenders: readonly Contender[]): Promise<string> {
  const run = async (contender: Contender): Promise<Measured> => {
    await resetPair(bench.root);
    await rm(join(bench.work, 'ansible'), { recursive: true, force: true });
    return measure(bench.root, bench.work, contender, 'a');
  };
  const results = await rounds({
    title: 'build',
    contenders,
    runs: () => bench.slowRuns,
    run,
    warmUp: false,
  });
  const columns = [COLUMNS.wall, COLUMNS.ratio, COLUMNS.cpu, COLUMNS.rss, COLUMNS.spread, COLUMNS.runs];
  const note =
    "From bare hosts to an answer through the virtual address. For the others part of it is VRRP's own election, three advertisements long; lbctl listens 3.5 s for foreign VRRP speakers instead, before it starts.";
  return table('A pair, built from bare hosts', note, results, columns);
}
