/** The pair that most chapters work on: built once, taken over from the chapter before where it is still whole. */
import { spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { labExec, labInfo, writeInventory } from '../../lab/lab.js';
import { barePair, calm, holders, type Lb, vip } from './hosts.js';
import { lbctl, type StatusJson, statusOf } from './lbctl.js';
import { until } from './until.js';

type Fields = Record<string, unknown>;

export interface InventoryFile {
  ssh: Fields;
  clusters: {
    web: {
      ssh?: Fields;
      hosts: Record<Lb, { address: string; interface?: string; ssh: Fields }>;
      system?: Fields;
      vrrp_instances: Record<string, Fields & { virtual_ipaddress: string[] }>;
      haproxy: {
        frontends: { main: Fields };
        backends: { app: Fields & { servers: Record<string, string> } };
      };
    };
  };
}

/** Eight characters that occur nowhere else. */
export const AUTH_PASS = 'kQ7@xVz4';

/** A folder for the files of one test file. */
export function workFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'lbctl-e2e-'));
}

/** Writes the pair's inventory, changed by `edit`, and returns its path. */
export async function inventory(
  name: string,
  edit: (file: InventoryFile) => void = () => undefined,
): Promise<string> {
  const folder = await workFolder();
  const path = join(folder, name);
  await writeFile(join(folder, 'vrrp.pass'), `${AUTH_PASS}\n`, { mode: 0o600 });
  await writeInventory(path, 'el', (yaml) => {
    const file = parse(yaml) as InventoryFile;
    const instance = file.clusters.web.vrrp_instances.VI_1;
    if (instance === undefined) throw new Error("the lab's inventory has no VI_1");
    instance.auth_pass = { file: 'vrrp.pass' };
    edit(file);
    return stringify(file);
  });
  return path;
}

/** The instance of the lab's inventory. */
export function vi1(file: InventoryFile): Fields & { virtual_ipaddress: string[] } {
  const instance = file.clusters.web.vrrp_instances.VI_1;
  if (instance === undefined) throw new Error('no VI_1');
  return instance;
}

/** Brings the lab up unless all of it runs. */
export async function labUp(): Promise<void> {
  if (await runs()) return;
  const script = fileURLToPath(new URL('../../lab/lab', import.meta.url));
  await new Promise<void>((resolve, reject) => {
    const child = spawn(script, ['up'], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`lab up ended with ${code}`))));
  });
}

async function runs(): Promise<boolean> {
  try {
    await labInfo();
    const hosts = ['el1', 'el2', 'web1', 'web2', 'client'] as const;
    const asked = await Promise.all(hosts.map((host) => labExec(host, 'true', { timeoutMs: 5000 })));
    return asked.every(({ exitCode }) => exitCode === 0);
  } catch {
    return false;
  }
}

/** Bare hosts, whatever was there. */
export async function startBare(): Promise<void> {
  await labUp();
  await barePair();
}

/** A healthy pair with nothing to change: the one that is there, else a new one. Returns its inventory. */
export async function startReady(edit?: (file: InventoryFile) => void): Promise<string> {
  await labUp();
  const path = await inventory('ready.yaml', edit);
  await calm();
  const [status, plan] = [await lbctl('status', path), await lbctl('plan', path)];
  if (status.exit === 0 && plan.exit === 0) return path;
  await barePair();
  const up = await lbctl('up', path);
  expect(up.exit, up.said).toBe(0);
  return path;
}

export async function status(path: string): Promise<StatusJson & { exit: number | null }> {
  const run = await lbctl('status', path, '--json');
  return { ...statusOf(run), exit: run.exit };
}

export function codes({ problems }: StatusJson): string[] {
  return problems.map(({ host, code }) => (host === null ? code : `${host} ${code}`)).sort();
}

/** Waits until the VIP is on that host alone. */
export async function heldBy(host: Lb, seconds = 15): Promise<void> {
  const address = await vip();
  await until(
    `${address} on ${host} alone`,
    async () => {
      const found = await holders(address);
      return found.join() === host ? true : undefined;
    },
    seconds,
  );
}

/** Waits until `lbctl status` says that all is well. */
export async function healthy(path: string, seconds = 30): Promise<StatusJson> {
  return until(
    'a healthy pair',
    async () => {
      const found = await status(path);
      if (found.exit !== 0) throw new Error(JSON.stringify(found.problems));
      return found;
    },
    seconds,
  );
}
