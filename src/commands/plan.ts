import pLimit from 'p-limit';
import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import { closeAll } from '../engine/connect.js';
import type { PlanDocument, Problem } from '../engine/documents.js';
import { withHeard } from '../engine/first-start.js';
import { foresee } from '../engine/guard.js';
import { type Prepared, prepare, summarize } from '../engine/prepare.js';
import type { Cluster } from '../inventory/model.js';
import { authPassOf, chooseClusters, inventoryPath, load, secretsOf, useColor } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { checkNumbers, parallelOf, stepLimitOf } from './numbers.js';
import type { Io, UpOptions } from './options.js';
import { loadPlaybook, shippedPlaybook } from './playbook.js';
import { openReporter, openTransport } from './run.js';

type ClusterDocument = PlanDocument['clusters'][number];

/** `lbctl plan`: what `up` would change, with diffs; touches nothing. */
export async function plan(argument: string | undefined, options: UpOptions, io: Io): Promise<ExitCode> {
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, options);
  if (!loaded.ok) return EXIT.badInput;
  const chosen = chooseClusters(loaded.inventory, options.limit);
  checkNumbers(options);
  const limit = pLimit(parallelOf(options));
  const stepLimit = stepLimitOf(options) ?? null;
  const playbook = await loadPlaybook(options.playbook ?? shippedPlaybook('up.yaml'), io, options);
  const secrets = await secretsOf(loaded.inventory, io);

  // With --json stdout belongs to the document alone: progress goes to stderr as lines.
  const reporter = await openReporter(options, io, options.json === true ? 'lines' : undefined);
  try {
    const emit = withLog(openLogFile(options), reporter.handle.bind(reporter));
    const transport = await openTransport(io, { inventory: loaded.inventory, options, emit, reporter });
    const exits: ExitCode[] = [];
    const clusters = await Promise.all(
      chosen.map(({ cluster, limit: hosts }) =>
        limit(async () => {
          const authPass = authPassOf(cluster, secrets);
          const force = options.force === true;
          const signal = io.interrupted;
          const input = {
            cluster,
            playbook,
            authPass,
            transport,
            emit,
            limit: hosts,
            force,
            signal,
            stepLimit,
          };
          const prepared = await heard(await prepare(input));
          closeAll(prepared.connected);
          exits.push(exitOf(prepared));
          // Also one outside of --limit: what is planned for the others goes by what is not known of it.
          if (prepared.unreachable.length > 0) exits.push(EXIT.unreachable);
          return documentOf(cluster, prepared);
        }),
      ),
    );
    await reporter.close();
    await print({ clusters }, options, io);
    return worstExit([...exits, ...(io.interrupted.aborted ? [EXIT.interrupted] : [])]);
  } finally {
    await reporter.close();
  }
}

/** A plan has the time to listen: nothing of it is carried out meanwhile. */
async function heard(prepared: Prepared): Promise<Prepared> {
  if (prepared.plan === null || prepared.listening === null) return prepared;
  return { ...prepared, plan: withHeard(prepared.plan, await prepared.listening) };
}

function exitOf({ plan: made }: Prepared): ExitCode {
  if (made === null) return EXIT.unreachable;
  if (made.status === 'error') return EXIT.failed;
  return made.status === 'changes' ? EXIT.changesPending : EXIT.ok;
}

function documentOf(cluster: Cluster, { plan: made, unreachable, observations }: Prepared): ClusterDocument {
  const foreseen = made === null ? [] : foresee(cluster, made, observations);
  const problems = [...unreachable, ...(made?.problems ?? []), ...foreseen].map(problemOf);
  return {
    name: cluster.name,
    status: made?.status ?? 'error',
    changes: made === null ? [] : summarize(made),
    problems,
  };
}

function problemOf({ code, summary, detail, hint, host }: Diagnostic): Problem {
  const message = [summary, detail, hint].filter(Boolean).join('; ');
  return { code, message, host: host ?? null };
}

async function print(document: PlanDocument, options: UpOptions, io: Io): Promise<void> {
  if (options.json === true) {
    const { toJson } = await import('../report/ndjson.js');
    io.stdout.write(`${toJson(document, 2)}\n`);
    return;
  }
  const { formatPlan } = await import('../report/plan.js');
  io.stdout.write(
    `${formatPlan(document, { color: useColor(io, options, io.stdout), diff: options.quiet !== true })}\n`,
  );
}
