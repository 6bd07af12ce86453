import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { priorityOf } from '../render/keepalived.js';
import { TransportError } from '../transport/types.js';
import { assess, statusProbes } from './assess.js';
import type { Connected } from './connect.js';
import { settleLimit } from './gates.js';
import { LOCKED_EXIT } from './lock.js';
import { holdUntilGoneScript, leaveScript, moveLimit, NOT_WATCHED, returnScript } from './move-scripts.js';
import { observeAll } from './observe-cluster.js';

/** What a move works with: the caller holds the cluster's lock, under this token. */
export interface Moving {
  readonly cluster: Cluster;
  readonly connected: Connected;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** Milliseconds between two looks. */
const PAUSE = 200;

/**
 * What is added to a host's priorities so that each of the others is better in every instance. Never so much that
 * keepalived would take it for FAULT: the host stays the next one in line.
 */
export function belowOthers(cluster: Cluster, host: string): number {
  const others = cluster.hosts.map(({ name }) => name).filter((name) => name !== host);
  return below(cluster, host, others, Math.min);
}

/** The same, but only so that one certain host is better; 0 where it is better anyway. */
export function belowOne(cluster: Cluster, host: string, better: string): number {
  return below(cluster, host, [better], Math.max);
}

function below(
  cluster: Cluster,
  host: string,
  others: readonly string[],
  pick: (...values: number[]) => number,
): number {
  const gaps = cluster.vrrpInstances.map(
    (it) => priorityOf(it, host) - pick(...others.map((other) => priorityOf(it, other))) + 1,
  );
  const most = Math.max(0, ...gaps);
  return most === 0 ? 0 : -Math.min(most, 253);
}

/**
 * Moves the virtual addresses away from a host, drained first, and waits until others hold all of them. They stay
 * away until `giveBack`, or until that host reboots. null: done. Whether the others are fit is the caller's business.
 * @param value what is added to its priorities; the default puts it below every other host
 */
export async function moveAway(
  host: string,
  moving: Moving,
  value: number = belowOthers(moving.cluster, host),
): Promise<Diagnostic | null> {
  const failed = await run(host, leaveScript(moving.cluster, moving.token, value), moving);
  return failed ?? (await untilHeld(moving, [host]));
}

/**
 * Takes back what `moveAway` did to these hosts. With preemption the addresses return at once, drained first, and this waits
 * for it; without, they stay where they are. null: done.
 */
export async function giveBack(hosts: readonly string[], moving: Moving): Promise<Diagnostic | null> {
  const { cluster, token } = moving;
  const losing = [...moving.connected.sessions.keys()].filter((it) => !hosts.includes(it));
  const results = await Promise.all([
    ...losing.map((host) => run(host, holdUntilGoneScript(cluster, token), moving)),
    ...hosts.map((host) => run(host, returnScript(cluster, token), moving)),
  ]);
  return results.find((it) => it !== null) ?? (await untilHeld(moving, []));
}

/** Runs a script of a move on one host. null: done. */
export async function run(host: string, script: Command, moving: Moving): Promise<Diagnostic | null> {
  const { cluster, connected } = moving;
  const about = { severity: 'error', cluster: cluster.name, host } as const;
  const session = connected.sessions.get(host);
  if (session === undefined)
    return connected.failures.get(host) ?? { ...about, code: 'no-session', summary: 'not connected' };
  try {
    const { exitCode, stderr, timedOut } = await session.run(script, { limit: moveLimit(cluster) });
    if (exitCode === 0 && !timedOut) return null;
    const said = stderr.trim();
    if (exitCode === LOCKED_EXIT) return { ...about, code: 'lock-lost', summary: said };
    return {
      ...about,
      code: 'move-failed',
      summary: timedOut
        ? 'moving the virtual addresses did not end within its time limit'
        : `moving the virtual addresses failed with exit code ${exitCode}: ${said.split('\n').at(-1) ?? ''}`,
      detail: said,
      hint: exitCode === NOT_WATCHED ? 'run `lbctl up` first' : '`lbctl status` shows the pair as it is now',
    };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return { ...error.diagnostic, ...about };
  }
}

/** Waits until every address has one holder, the right one, and none of `without`. */
async function untilHeld(moving: Moving, without: readonly string[]): Promise<Diagnostic | null> {
  const { cluster, connected, signal } = moving;
  const deadline = Date.now() + settleLimit(cluster) * 1000;
  for (;;) {
    const probes = statusProbes(cluster);
    const { virtual_ips } = assess(cluster, await observeAll(connected, () => probes));
    const wrong = virtual_ips.find(
      ({ holders: [holder, ...more], expected }) =>
        holder === undefined ||
        more.length > 0 ||
        without.includes(holder) ||
        (expected !== null && expected !== holder),
    );
    if (wrong === undefined) return null;
    if (signal.aborted || Date.now() > deadline) {
      const who = wrong.holders.length === 0 ? 'nobody holds it' : `held by ${wrong.holders.join(' and ')}`;
      return {
        severity: 'error',
        code: 'not-moved',
        summary: `${wrong.address} is not where it should be: ${who}, expected on ${wrong.expected ?? 'another host'}`,
        hint: '`lbctl status` shows the pair as it is now',
        cluster: cluster.name,
      };
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
