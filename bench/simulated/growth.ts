import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inventoryYaml, lbctlContender } from '../contenders.js';
import { LINE } from '../floor.js';
import { type BenchHost, knownHosts } from '../hosts.js';
import type { Bench } from '../pair.js';
import { measure, median, rounds } from '../rounds.js';
import { markdown } from '../tables.js';
import type { SimulatedHost } from './server.js';

const SIZES = [2, 20, 50, 100, 200];

interface Fleet {
  readonly ports: readonly number[];
  stop(): void;
}

/** How lbctl's own cost grows with the number of hosts, when the hosts cost next to nothing. */
export async function simulated(bench: Bench, pair: readonly BenchHost[], vip: string): Promise<string> {
  const recording = join(bench.work, 'recorded.json');
  await record(bench, pair, vip, recording);
  const networks = networksLike(bench.lab.prefix, Math.max(...SIZES) / 2);
  const hosts = networks.flatMap((network) =>
    pair.map(({ name }): SimulatedHost => ({ role: name, network })),
  );
  const fleet = await start(bench, ['replay', recording], hosts);
  const rows: string[][] = [];
  try {
    for (const size of SIZES) {
      const inventory = await inventoryFor(bench, pair, {
        networks: networks.slice(0, size / 2),
        ports: fleet.ports,
        vip,
      });
      const contender = lbctlContender(bench.work, () => inventory);
      const results = await rounds({
        title: `simulated, ${size} hosts`,
        contenders: [contender],
        runs: () => bench.slowRuns,
        run: (it) => measure(bench.root, bench.work, it, 'a'),
      });
      const runs = results.get('lbctl') ?? [];
      const wall = median(runs.map((it) => it.wall));
      const cpu = median(runs.map((it) => it.cpu));
      const rss = Math.max(...runs.map((it) => it.rss));
      rows.push([
        String(size),
        `${wall.toFixed(2)} s`,
        `${cpu.toFixed(2)} s`,
        `${(cpu / size).toFixed(3)} s`,
        `${rss.toFixed(0)} MB`,
      ]);
    }
  } finally {
    fleet.stop();
  }
  const note =
    'lbctl alone. SSH servers in one process on this machine answer what a real host answered: full handshakes, no work. Their processor time is not counted, but takes its share of the time.';
  return markdown(
    'Simulated hosts, nothing to do',
    note,
    ['hosts', 'time', 'CPU here', 'CPU a host', 'memory'],
    rows,
  );
}

/** One run against the real pair, by way of servers that write down what it answers. */
async function record(bench: Bench, pair: readonly BenchHost[], vip: string, file: string): Promise<void> {
  const options = [
    '-F',
    'none',
    '-i',
    bench.lab.identityFile,
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
  ];
  const known = ['-o', `UserKnownHostsFile=${bench.lab.knownHostsFile}`];
  const hosts = pair.map(
    ({ name, port }): SimulatedHost => ({
      role: name,
      ssh: ['ssh', ...options, ...known, '-p', String(port), 'root@127.0.0.1'],
    }),
  );
  const fleet = await start(bench, ['record', file], hosts);
  try {
    const inventory = await inventoryFor(bench, pair, {
      networks: [bench.lab.prefix],
      ports: fleet.ports,
      vip,
    });
    await measure(
      bench.root,
      bench.work,
      lbctlContender(bench.work, () => inventory),
      'a',
    );
  } finally {
    fleet.stop();
  }
}

async function start(bench: Bench, args: readonly string[], hosts: readonly SimulatedHost[]): Promise<Fleet> {
  const hostKey = await readFile(join(bench.lab.state, 'hosts/el1/ssh_host_ed25519_key'), 'utf8');
  const child = spawn(process.execPath, [join(bench.work, 'bench/simulated/server.mjs'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write(`${JSON.stringify({ hostKey, network: bench.lab.prefix, hosts })}\n`);
  const ports = await new Promise<number[]>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString('utf8'))));
    child.once('exit', () => reject(new Error('the simulated hosts did not start')));
  });
  return { ports, stop: () => child.stdin.end() };
}

async function inventoryFor(
  bench: Bench,
  pair: readonly BenchHost[],
  { networks, ports, vip }: { networks: readonly string[]; ports: readonly number[]; vip: string },
): Promise<string> {
  const { prefix, identityFile } = bench.lab;
  const knownHostsFile = join(bench.work, 'simulated_known_hosts');
  const known = ports.map((port) => ({ port, keyOf: 'el1' }));
  await writeFile(knownHostsFile, await knownHosts(bench.lab, known));
  const of = (cluster: string) => networks[Number(cluster.slice(3)) - 1] ?? prefix;
  const hosts = networks.flatMap((network, cluster) =>
    pair.map((host, index) => ({
      name: host.name,
      cluster: `web${cluster + 1}`,
      address: host.address.replace(prefix, network),
      port: ports[cluster * pair.length + index] ?? 0,
    })),
  );
  const yaml = inventoryYaml({
    ...{ identityFile, knownHostsFile, hosts, line: LINE.a },
    vip: (cluster) => vip.replace(prefix, of(cluster)),
    backends: of,
    routerId: () => 51,
  });
  const file = join(bench.work, 'simulated.yaml');
  await writeFile(file, yaml);
  return file;
}

/** Other networks whose names are as long: lengths stand in some of the recorded answers. */
function networksLike(prefix: string, count: number): string[] {
  const third = prefix.split('.')[2] ?? '';
  const low = third.length === 3 ? 100 : third.length === 2 ? 10 : 1;
  const high = third.length === 3 ? 255 : third.length === 2 ? 99 : 9;
  const width = high - low + 1;
  return Array.from({ length: count }, (_, n) => `10.${100 + Math.floor(n / width)}.${low + (n % width)}.`);
}
