import { execFile, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Contender, ContenderName } from './contenders.js';
import type { Variant } from './floor.js';

export interface Measured {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of user and system time on this machine, children included. */
  readonly cpu: number;
  /** MB of the largest process. */
  readonly rss: number;
  /** What a scenario adds, for example round trips. */
  readonly extra: Readonly<Record<string, number>>;
}

export type Results = ReadonlyMap<ContenderName, readonly Measured[]>;

const execute = promisify(execFile);

/** One run of a contender. @throws where it fails: a failed run is no measurement. */
export async function measure(
  root: string,
  work: string,
  contender: Contender,
  variant: Variant,
): Promise<Measured> {
  const output = join(work, 'measured.json');
  const child = spawn('python3', [join(root, 'bench/measure.py'), output, ...contender.command(variant)], {
    env: contender.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const { exit, ...numbers } = JSON.parse(await readFile(output, 'utf8'));
  if (exit !== 0) {
    const end = Buffer.concat(said).toString('utf8').split('\n').slice(-40).join('\n');
    throw new Error(`${contender.name} failed (exit ${exit}):\n${end}`);
  }
  await endMasters();
  return { ...numbers, extra: {} };
}

/** Every run begins without connections: Ansible's are kept by ssh processes of their own. */
async function endMasters(): Promise<void> {
  for (const name of (await readdir('/tmp')).filter((it) => it.startsWith('lbctl-bench-'))) {
    await execute('ssh', ['-o', `ControlPath=/tmp/${name}`, '-O', 'exit', 'none']).catch(() => undefined);
  }
}

export interface RoundsOptions {
  readonly title: string;
  readonly contenders: readonly Contender[];
  /** Measured runs; one more goes before them to warm up. */
  readonly runs: (name: ContenderName) => number;
  readonly run: (contender: Contender) => Promise<Measured>;
  readonly warmUp?: boolean;
}

/** Everybody runs in every round, in an order that changes: what else the machine does meets all alike. */
export async function rounds(options: RoundsOptions): Promise<Results> {
  const results = new Map<ContenderName, Measured[]>(options.contenders.map(({ name }) => [name, []]));
  const most = Math.max(...options.contenders.map(({ name }) => options.runs(name)));
  for (let round = options.warmUp === false ? 1 : 0; round <= most; round++) {
    for (const contender of shuffled(options.contenders)) {
      if (round > options.runs(contender.name)) continue;
      const measured = await options.run(contender);
      process.stderr.write(
        `bench: ${options.title}, round ${round}: ${contender.name} ${measured.wall.toFixed(2)} s${round === 0 ? ' (to warm up)' : ''}\n`,
      );
      if (round > 0) results.get(contender.name)?.push(measured);
    }
  }
  return results;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
