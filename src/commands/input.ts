import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Diagnostic } from '../base/diagnostic.js';
import { UserError } from '../base/errors.js';
import { EXIT } from '../base/exit-codes.js';
import { ok } from '../base/result.js';
import type { Secret } from '../base/secret.js';
import { type ParsedInventory, parseInventory, readInventoryText } from '../inventory/load.js';
import { localSecrets } from '../inventory/local-secrets.js';
import type { Cluster, Inventory } from '../inventory/model.js';
import { loadOwnConfigs } from '../inventory/own-config.js';
import { formatSourceDiagnostic } from '../inventory/print.js';
import { resolveClusterSecrets, secretKey } from '../inventory/secrets.js';
import type { GlobalOptions, Io } from './options.js';

/** A mistake in a flag. Nothing was contacted. */
export function wrongFlag(code: string, summary: string, hint?: string): UserError {
  return new UserError(EXIT.badInput, [
    { severity: 'error', code, summary, ...(hint === undefined ? {} : { hint }) },
  ]);
}

export function useColor(io: Io, options: GlobalOptions, stream: NodeJS.WriteStream): boolean {
  if (options.color === false || (io.env.NO_COLOR ?? '') !== '') return false;
  return stream.isTTY === true;
}

export function inventoryPath(argument: string | undefined, env: Io['env']): string {
  return argument ?? env.LBCTL_INVENTORY ?? './inventory.yaml';
}

/** `problems`: mistakes and warnings, as they were told. */
export type Loaded = { readonly problems: readonly Diagnostic[] } & (
  | { readonly ok: true; readonly inventory: Inventory; readonly warnings: number }
  | { readonly ok: false }
);

/** Reads the inventory; its mistakes and warnings go to stderr with their source lines. */
export async function load(path: string, io: Io, options: GlobalOptions): Promise<Loaded> {
  const text = await readInventoryText(path, {});
  const baseDir = path === '-' ? process.cwd() : dirname(resolve(path));
  const parsed = text.ok ? parseInventory(text.value, { file: path, baseDir, env: io.env }) : text;
  const result = parsed.ok ? await withOwnConfigs(parsed.value) : parsed;
  const diagnostics = result.ok ? result.value.warnings : result.error;
  if (diagnostics.length > 0 && (options.quiet !== true || !result.ok)) {
    const color = useColor(io, options, io.stderr);
    const told = diagnostics.map(async (it) => {
      const inOther = it.source !== undefined && it.source.file !== path;
      const source = inOther ? await readText(it.source.file).catch(() => '') : text.ok ? text.value : '';
      return formatSourceDiagnostic(it, source, { color });
    });
    io.stderr.write(`${(await Promise.all(told)).join('\n\n')}\n`);
  }
  const problems = diagnostics;
  return result.ok
    ? { ok: true, inventory: result.value.inventory, warnings: diagnostics.length, problems }
    : { ok: false, problems };
}

async function withOwnConfigs({ inventory, warnings }: ParsedInventory): ReturnType<typeof loadOwnConfigs> {
  if (inventory.clusters.every((cluster) => cluster.haproxy.configFile === null))
    return ok({ inventory, warnings });
  const loaded = await loadOwnConfigs(inventory);
  if (!loaded.ok) return loaded;
  return ok({ ...loaded.value, warnings: [...warnings, ...loaded.value.warnings] });
}

/** Every `auth_pass`. @throws UserError */
export async function secretsOf(inventory: Inventory, io: Io): Promise<ReadonlyMap<string, Secret>> {
  const warn = (warning: Diagnostic) => io.stderr.write(`warning: ${warning.summary}\n`);
  const resolved = await resolveClusterSecrets(inventory, localSecrets({ env: io.env, warn }));
  if (resolved.ok) return resolved.value;
  throw new UserError(EXIT.badInput, resolved.error);
}

/** `auth_pass` of one cluster by instance name. */
export function authPassOf(
  cluster: Cluster,
  secrets: ReadonlyMap<string, Secret>,
): ReadonlyMap<string, Secret> {
  return new Map(
    cluster.vrrpInstances.flatMap((instance) => {
      const secret = secrets.get(secretKey(cluster.name, instance.name));
      return secret === undefined ? [] : [[instance.name, secret] as const];
    }),
  );
}

export interface Chosen {
  readonly cluster: Cluster;
  /** Hosts that may be changed; null: all. */
  readonly limit: ReadonlySet<string> | null;
}

/** `--limit cluster`, `--limit cluster/host`, several with commas, `*` for any part of a name. @throws UserError */
export function chooseClusters(inventory: Inventory, pattern: string | undefined): Chosen[] {
  if (pattern === undefined) return inventory.clusters.map((cluster) => ({ cluster, limit: null }));
  const wanted = new Map<Cluster, Set<string> | null>();
  for (const part of pattern.split(',').map((it) => it.trim())) {
    const [clusterPart = '', hostPart, more] = part.split('/');
    let met = false;
    for (const cluster of inventory.clusters.filter(
      (it) => more === undefined && matches(clusterPart, it.name),
    )) {
      const hosts = cluster.hosts
        .map((host) => host.name)
        .filter((name) => hostPart === undefined || matches(hostPart, name));
      if (hosts.length === 0) continue;
      met = true;
      const before = wanted.get(cluster);
      if (hostPart === undefined || before === null) wanted.set(cluster, null);
      else wanted.set(cluster, new Set([...(before ?? []), ...hosts]));
    }
    if (!met) {
      const known = inventory.clusters
        .flatMap((it) => it.hosts.map((host) => `${it.name}/${host.name}`))
        .join(', ');
      throw wrongFlag('bad-limit', `--limit "${part}" meets no host of the inventory`, `known: ${known}`);
    }
  }
  return inventory.clusters.flatMap((cluster) => {
    const limit = wanted.get(cluster);
    return limit === undefined ? [] : [{ cluster, limit }];
  });
}

function matches(pattern: string, name: string): boolean {
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`).test(name);
}

/** A whole number of a flag. @throws UserError */
export function wholeNumber(
  flag: string,
  value: string | undefined,
  range: { min: number; max: number },
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < range.min || number > range.max) {
    throw wrongFlag(
      'bad-flag',
      `${flag} takes a whole number from ${range.min} to ${range.max}, not "${value}"`,
    );
  }
  return number;
}

export function home(env: Io['env']): string {
  return env.HOME ?? homedir();
}

export async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8');
}
