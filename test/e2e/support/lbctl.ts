/** Runs lbctl as an operator does: a process of its own, from the bundle. `LBCTL_BIN` names another main.js. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const bin = process.env.LBCTL_BIN ?? fileURLToPath(new URL('../../../dist/main.js', import.meta.url));

/** No agent, no ~/.ssh, no colours asked for: what a run finds is what its inventory names. */
const home = mkdtempSync(join(tmpdir(), 'lbctl-e2e-home-'));
export const cleanEnv = { PATH: process.env.PATH ?? '', HOME: home, LANG: 'C.UTF-8' };

/** Milliseconds after which a run counts as hung. */
const LIMIT = 90_000;

export interface Run {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Both streams, for what may stand in either. */
  readonly said: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when stdout and stderr together match, rejects when the run ends before. */
  saw(pattern: RegExp): Promise<void>;
  readonly ended: Promise<Run>;
}

export function start(...args: string[]): Running {
  return startWithin(LIMIT, ...args);
}

/** The same for a run that may take so many milliseconds. */
export function startWithin(limit: number, ...args: string[]): Running {
  return launch(limit, {}, args);
}

function launch(limit: number, env: Readonly<Record<string, string>>, args: readonly string[]): Running {
  const began = performance.now();
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...cleanEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const streams = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      streams[name] += text;
      for (const watcher of watchers) watcher();
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  const ended = new Promise<Run>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => {
      clearTimeout(timer);
      const { stdout, stderr } = streams;
      resolve({ exit, stdout, stderr, ms: performance.now() - began, said: `${stdout}\n${stderr}` });
    });
  });
  const saw = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(streams.stdout) && !pattern.test(streams.stderr)) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      ended.then((run) => reject(new Error(`lbctl ended before it said ${pattern}: ${run.said}`)), reject);
      look();
    });
  return { child, saw, ended };
}

/** With more in its environment. */
export function lbctlWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Run> {
  return launch(LIMIT, env, args).ended;
}

export function lbctl(...args: string[]): Promise<Run> {
  return start(...args).ended;
}

// ---- what --json prints -------------------------------------------------------------------------------------------

export interface PlanJson {
  clusters: {
    name: string;
    status: 'noop' | 'changes' | 'error';
    changes: {
      host: string;
      resource: string;
      verb: string;
      reason: string;
      diff: string | null;
      class: string;
      interruption: string;
    }[];
    problems: ProblemJson[];
  }[];
}

export interface ProblemJson {
  code: string;
  message: string;
  host: string | null;
}

export interface StatusJson {
  name: string;
  state: string;
  virtual_ips: { address: string; instance: string; holders: string[]; expected: string | null }[];
  hosts: {
    name: string;
    address: string;
    reachable: boolean;
    haproxy: string | null;
    keepalived: string | null;
    instances: Record<string, { state: string; priority: number; effective_priority: number }>;
  }[];
  servers: { backend: string; server: string; address: string; status: Record<string, string> }[];
  problems: ProblemJson[];
  notices: ProblemJson[];
}

export interface EventJson {
  event: string;
  host?: string;
  resource?: string;
  state?: string;
  [key: string]: unknown;
}

export interface SummaryJson {
  event: 'summary';
  ok: boolean;
  hosts: Record<string, { status: string; changed: string[]; error: string | null }>;
  clusters: Record<string, { ok: boolean; state: string | null; error: string | null }>;
  duration_ms: number;
}

/** The cluster of a `plan --json`. */
export function planOf(run: Run): PlanJson['clusters'][number] {
  const [cluster] = (JSON.parse(run.stdout) as PlanJson).clusters;
  if (cluster === undefined) throw new Error(`no cluster in ${run.said}`);
  return cluster;
}

/** What a plan would change: `lb1 haproxy_config`, sorted. */
export function planned(run: Run): string[] {
  return planOf(run)
    .changes.map(({ host, resource }) => `${host} ${resource}`)
    .sort();
}

/** The cluster of a `status --json`. */
export function statusOf(run: Run): StatusJson {
  const [cluster] = (JSON.parse(run.stdout) as { clusters: StatusJson[] }).clusters;
  if (cluster === undefined) throw new Error(`no cluster in ${run.said}`);
  return cluster;
}

/** Every line of stdout of an `up --json`. */
export function eventsOf(run: Run): EventJson[] {
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as EventJson);
}

export function summaryOf(run: Run): SummaryJson {
  const last = eventsOf(run).at(-1);
  if (last?.event !== 'summary') throw new Error(`the last event is no summary: ${run.said}`);
  return last as unknown as SummaryJson;
}
