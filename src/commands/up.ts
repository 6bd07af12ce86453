import pLimit from 'p-limit';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { convergeCluster } from '../engine/converge.js';
import type { ClusterRecap, HostRecap } from '../engine/events.js';
import type { ClusterResult } from '../engine/recap.js';
import {
  authPassOf,
  type Chosen,
  chooseClusters,
  inventoryPath,
  load,
  secretsOf,
  wholeNumber,
} from './input.js';
import type { Io, UpOptions } from './options.js';
import { plan } from './plan.js';
import { loadPlaybook, shippedPlaybook } from './playbook.js';
import {
  openReporter,
  openTransport,
  parallelOf,
  revertAfterOf,
  stepLimitOf,
  whoAmI,
  withLogFile,
} from './run.js';

/** `lbctl up`: builds or converges every cluster, standby first, then verifies it. */
export async function up(argument: string | undefined, options: UpOptions, io: Io): Promise<ExitCode> {
  if (options.check === true) return plan(argument, options, io);
  const started = performance.now();
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, options);
  if (!loaded.ok) return EXIT.badInput;
  const chosen = chooseClusters(loaded.inventory, options.limit);
  const limit = pLimit(parallelOf(options));
  const stepLimit = stepLimitOf(options);
  const lockWait = wholeNumber('--lock-wait', options.lockWait, { min: 0, max: 86_400 });
  const revertAfter = revertAfterOf(options);
  const playbook = await loadPlaybook(options.playbook ?? shippedPlaybook('up.yaml'), io);
  const secrets = await secretsOf(loaded.inventory, io);

  const reporter = await openReporter(options, io);
  try {
    const emit = withLogFile(reporter.handle.bind(reporter), options);
    const transport = await openTransport(io, { inventory: loaded.inventory, options, emit, reporter });
    const clusters = chosen.map(({ cluster }) => ({
      name: cluster.name,
      hosts: cluster.hosts.map((host) => host.name),
    }));
    emit({ event: 'run', command: 'up', inventory: path, clusters });
    const who = whoAmI();
    const results = await Promise.all(
      chosen.map(({ cluster, limit: hosts }) =>
        limit(() =>
          convergeCluster({
            cluster,
            playbook,
            authPass: authPassOf(cluster, secrets),
            transport,
            emit,
            limit: hosts,
            force: options.force === true,
            signal: io.interrupted,
            who,
            command: 'lbctl up',
            showDiff: options.diff === true,
            stepLimit: stepLimit ?? null,
            lockWait: lockWait ?? 0,
            revertAfter,
            onFailure: options.rollback === false ? 'stop' : 'roll-back',
          }),
        ),
      ),
    );
    const exit = worstExit([
      ...results.map((it) => it.exit),
      ...(io.interrupted.aborted ? [EXIT.interrupted] : []),
    ]);
    emit({
      event: 'summary',
      ok: exit === EXIT.ok,
      hosts: hostRecaps(chosen, results),
      clusters: clusterRecaps(chosen, results),
      duration_ms: Math.round(performance.now() - started),
    });
    return exit;
  } finally {
    await reporter.close();
  }
}

/** By host name, or `cluster/host` where a name occurs in two clusters. */
function hostRecaps(chosen: readonly Chosen[], results: readonly ClusterResult[]): Record<string, HostRecap> {
  const names = chosen.flatMap(({ cluster }) => cluster.hosts.map((host) => host.name));
  const twice = (name: string) => names.indexOf(name) !== names.lastIndexOf(name);
  return Object.fromEntries(
    chosen.flatMap(({ cluster }, index) =>
      Object.entries(results[index]?.hosts ?? {}).map(([name, recap]) => [
        twice(name) ? `${cluster.name}/${name}` : name,
        recap,
      ]),
    ),
  );
}

function clusterRecaps(
  chosen: readonly Chosen[],
  results: readonly ClusterResult[],
): Record<string, ClusterRecap> {
  return Object.fromEntries(
    chosen.flatMap(({ cluster }, index) => {
      const result = results[index];
      if (result === undefined) return [];
      return [[cluster.name, { ok: result.exit === EXIT.ok, state: result.state, error: result.error }]];
    }),
  );
}
