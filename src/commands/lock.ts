import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { type Connected, closeAll, connectAll } from '../engine/connect.js';
import type { LockDocument, LockedHost } from '../engine/documents.js';
import { lookAtLocks, removeLock, type SeenLock } from '../engine/locks.js';
import type { Cluster } from '../inventory/model.js';
import type { Transport } from '../transport/types.js';
import { type Confirm, confirmer } from './confirm.js';
import { chooseClusters, inventoryPath, load, useColor } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { checkNumbers, parallelOf } from './numbers.js';
import type { GlobalOptions, Io, LockReleaseOptions } from './options.js';
import { emitToStderr, openTransport } from './run.js';

/** `lbctl lock status`: who is changing these clusters. Touches nothing. */
export async function lockStatus(
  argument: string | undefined,
  options: GlobalOptions,
  io: Io,
): Promise<ExitCode> {
  return withClusters(argument, options, io, async ({ cluster, transport }) => {
    const connected = await connectAll(cluster, transport, io.interrupted);
    try {
      const hosts = (await lookAtLocks(cluster, connected, io.interrupted)).map(({ told }) => told);
      return { hosts, exits: hosts.map(exitOf) };
    } finally {
      closeAll(connected);
    }
  });
}

/** `lbctl lock release`: removes the locks of these clusters, after saying whose they are. */
export async function lockRelease(
  argument: string | undefined,
  options: LockReleaseOptions,
  io: Io,
): Promise<ExitCode> {
  checkNumbers(options);
  const confirm = await confirmer('lbctl lock release', options, io);
  // One cluster after the other, so that each question stands by itself.
  return withClusters(argument, { ...options, parallel: '1' }, io, async ({ cluster, transport }) => {
    const connected = await connectAll(cluster, transport, io.interrupted);
    try {
      return await release({ cluster, connected, confirm, options, io });
    } finally {
      closeAll(connected);
    }
  });
}

interface Releasing {
  readonly cluster: Cluster;
  readonly connected: Connected;
  readonly confirm: Confirm;
  readonly options: LockReleaseOptions;
  readonly io: Io;
}

interface Outcome {
  readonly hosts: readonly LockedHost[];
  readonly exits: readonly ExitCode[];
}

async function release({ cluster, connected, confirm, options, io }: Releasing): Promise<Outcome> {
  const seen = await lookAtLocks(cluster, connected, io.interrupted);
  const say = (text: string) => io.stderr.write(`${text}\n`);
  const kept = (...exits: ExitCode[]): Outcome => ({
    hosts: seen.map(({ told }) => ({ ...told, released: false })),
    exits,
  });
  const { releaseQuestion, releaseRefusal, releaseRisk } = await import('../report/lock.js');
  const exits = seen.map(({ told }) => exitOf(told));
  if (worstExit(exits) !== EXIT.ok && options.force !== true) {
    say(releaseRefusal(cluster.name, 'unreachable'));
    return kept(...exits);
  }
  const held = seen.filter(({ found }) => found !== null);
  if (held.length === 0) return kept(...exits);
  const alive = held.some(({ told }) => told.state === 'locked');
  const owners = held.map(({ told }) => told);
  if (alive && options.force !== true) {
    say(releaseRefusal(cluster.name, 'alive', owners));
    return kept(...exits, EXIT.locked);
  }
  if (alive) say(releaseRisk(cluster.name, owners));
  if (!(await confirm(releaseQuestion(cluster.name, owners)))) {
    say(releaseRefusal(cluster.name, 'declined'));
    return kept(...exits, EXIT.failed);
  }
  const how = { alive: options.force === true ? 'remove' : 'refuse', signal: io.interrupted } as const;
  const hosts = await Promise.all(seen.map((it) => releaseOne(it, connected, how)));
  return { hosts, exits: [...exits, ...hosts.map(exitOf)] };
}

async function releaseOne(
  seen: SeenLock,
  connected: Connected,
  how: Parameters<typeof removeLock>[2],
): Promise<LockedHost> {
  const session = connected.sessions.get(seen.told.name);
  return session === undefined ? { ...seen.told, released: false } : removeLock(seen, session, how);
}

function exitOf({ reachable, problem }: LockedHost): ExitCode {
  if (!reachable) return EXIT.unreachable;
  if (problem === null) return EXIT.ok;
  return problem.code === 'locked' ? EXIT.locked : EXIT.failed;
}

async function withClusters(
  argument: string | undefined,
  options: GlobalOptions,
  io: Io,
  work: (on: { readonly cluster: Cluster; readonly transport: Transport }) => Promise<Outcome>,
): Promise<ExitCode> {
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, { ...options, quiet: true });
  if (!loaded.ok) return EXIT.badInput;
  const chosen = chooseClusters(loaded.inventory, options.limit);
  checkNumbers(options);
  const limit = pLimit(parallelOf(options));
  const log = openLogFile(options);
  const emit = withLog(log, emitToStderr(io));
  const transport = await openTransport(io, { inventory: loaded.inventory, options, emit });
  const outcomes = await Promise.all(
    chosen.map(({ cluster, limit: names }) =>
      limit(async () => {
        const hosts = cluster.hosts.filter((host) => names === null || names.has(host.name));
        return { name: cluster.name, ...(await work({ cluster: { ...cluster, hosts }, transport })) };
      }),
    ),
  );
  const document = { clusters: outcomes.map(({ name, hosts }) => ({ name, hosts })) };
  log({ event: 'lock', inventory: path, ...document });
  await print(document, options, io);
  return worstExit([
    ...outcomes.flatMap(({ exits }) => exits),
    ...(io.interrupted.aborted ? [EXIT.interrupted] : []),
  ]);
}

async function print(document: LockDocument, options: GlobalOptions, io: Io): Promise<void> {
  if (options.json === true) {
    const { toJson } = await import('../report/ndjson.js');
    io.stdout.write(`${toJson(document, 2)}\n`);
    return;
  }
  const told = document.clusters.filter((it) => it.hosts.some((host) => host.problem !== null));
  const shown = options.quiet === true ? told : document.clusters;
  if (shown.length === 0) return;
  const { formatLocks } = await import('../report/lock.js');
  io.stdout.write(`${formatLocks({ clusters: shown }, { color: useColor(io, options, io.stdout) })}\n`);
}
