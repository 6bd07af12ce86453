import { EXIT, type ExitCode, worstExit } from '../base/exit-codes.js';
import type { DrilledCluster, DrillReport, FaultResult } from '../engine/documents.js';
import { type DrillOutcome, drillCluster } from '../engine/drill/drill-cluster.js';
import { drillSeconds, FAULT_NAMES, type FaultName, faultTitle } from '../engine/drill/faults.js';
import type { RunEvent } from '../engine/events.js';
import { longestInterval } from '../engine/gates.js';
import { confirmer } from './confirm.js';
import { type Chosen, chooseClusters, inventoryPath, load, wholeNumber, wrongFlag } from './input.js';
import { openLogFile, withLog } from './log-file.js';
import { checkNumbers, lockWaitOf } from './numbers.js';
import type { DrillOptions, Io } from './options.js';
import { loadPlaybook, shippedPlaybook } from './playbook.js';
import { openReports } from './report-files.js';
import { openReporter, openTransport, whoAmI } from './run.js';
import { clusterRecaps, hostRecaps } from './run-clusters.js';

/** Requests a second of the client loop. */
const DEFAULT_RATE = 100;

/** `lbctl drill`: breaks the pair on purpose, measures what a client saw, restores it. */
export async function drill(argument: string | undefined, options: DrillOptions, io: Io): Promise<ExitCode> {
  const started = { at: new Date().toISOString(), ms: performance.now() };
  const path = inventoryPath(argument, io.env);
  const loaded = await load(path, io, options);
  if (!loaded.ok) return EXIT.badInput;
  const wanted = wantedOf(options, chooseClusters(loaded.inventory, options.limit));
  const playbook = await loadPlaybook(options.playbook ?? shippedPlaybook('up.yaml'), io, options);
  const reports = openReports(options);
  const confirm = await confirmer('lbctl drill', options, io);
  if (!(await confirm(questionOf(wanted)))) {
    io.stderr.write('nothing was broken\n');
    return EXIT.failed;
  }

  const reporter = await openReporter(options, io);
  try {
    const emit = withLog(openLogFile(options), reporter.handle.bind(reporter));
    const errors: string[] = [];
    const tell = (event: RunEvent): void => {
      if (event.event === 'diagnostic' && event.diagnostic.severity === 'error')
        errors.push(event.diagnostic.summary);
      emit(event);
    };
    const transport = await openTransport(io, { inventory: loaded.inventory, options, emit, reporter });
    tell({ event: 'run', command: 'drill', inventory: path, clusters: wanted.chosen.map(namesOf) });
    const outcomes: DrillOutcome[] = [];
    // One after the other: a client's figures mean something only while nothing else is broken.
    for (const { cluster } of wanted.chosen) {
      const { faults, host, repeat, rate, lockWait } = wanted;
      const input = {
        cluster,
        playbook,
        transport,
        emit: tell,
        signal: io.interrupted,
        who: whoAmI(),
        lockWait,
      };
      outcomes.push(await drillCluster({ ...input, faults, host, repeat, rate }));
      if (io.interrupted.aborted) break;
    }
    const results = outcomes.map(({ result }) => result);
    const exit = worstExit([
      ...results.map((it) => it.exit),
      ...(io.interrupted.aborted ? [EXIT.interrupted] : []),
    ]);
    const drilled = outcomes.flatMap((it) => (it.drilled === null ? [] : [it.drilled]));
    const duration_ms = Math.round(performance.now() - started.ms);
    const report: DrillReport = {
      started: started.at,
      inventory: path,
      duration_ms,
      ok: exit === EXIT.ok,
      clusters: drilled,
      errors,
    };
    await reports.write(report);
    tell({
      event: 'summary',
      ok: exit === EXIT.ok,
      hosts: hostRecaps(wanted.chosen, results),
      clusters: clusterRecaps(wanted.chosen, results),
      duration_ms,
      faults: faultsOf(drilled),
    });
    return exit;
  } finally {
    await reporter.close();
  }
}

interface Wanted {
  readonly chosen: readonly Chosen[];
  readonly faults: readonly FaultName[];
  readonly host: string | null;
  readonly repeat: number;
  readonly rate: number;
  readonly lockWait: number;
}

/** @throws UserError */
function wantedOf(options: DrillOptions, chosen: readonly Chosen[]): Wanted {
  checkNumbers(options);
  const host = options.host ?? null;
  for (const { cluster, limit } of chosen) {
    const names = cluster.hosts.map(({ name }) => name);
    if (host !== null && !names.includes(host))
      throw wrongFlag(
        'bad-flag',
        `--host ${host}: cluster ${cluster.name} has no such host`,
        `it has ${names.join(', ')}`,
      );
    if (limit !== null && (host === null || !limit.has(host)))
      throw wrongFlag(
        'bad-limit',
        '--limit chooses whole clusters here',
        'a host to break is chosen with --host',
      );
  }
  return {
    chosen,
    faults: faultNames(options.fault),
    host,
    repeat: wholeNumber('--repeat', options.repeat, { min: 1, max: 1000 }) ?? 1,
    rate: wholeNumber('--rate', options.rate, { min: 1, max: 1000 }) ?? DEFAULT_RATE,
    lockWait: lockWaitOf(options),
  };
}

/** @throws UserError */
function faultNames(text: string | undefined): readonly FaultName[] {
  if (text === undefined || text === 'all') return FAULT_NAMES;
  return text.split(',').map((part) => {
    const name = FAULT_NAMES.find((it) => it === part.trim());
    if (name === undefined)
      throw wrongFlag(
        'bad-flag',
        `--fault "${part.trim()}" is not known`,
        `known: ${FAULT_NAMES.join(', ')}`,
      );
    return name;
  });
}

function questionOf({ chosen, faults, host, repeat }: Wanted): string {
  const seconds = chosen.reduce(
    (sum, { cluster }) => sum + repeat * drillSeconds(faults, { advertInt: longestInterval(cluster) }),
    0,
  );
  const where = chosen.map(({ cluster }) => `${cluster.name} (${host ?? 'its active host'})`).join(', ');
  const times = repeat === 1 ? '' : `, each ${repeat} times`;
  const minutes = seconds < 90 ? `${Math.ceil(seconds / 10) * 10} s` : `${Math.ceil(seconds / 60)} min`;
  return `This breaks ${where} on purpose, one thing after the other: ${faults.map(faultTitle).join(', ')}${times}.
It takes about ${minutes}. Clients may go without an answer for seconds at a time.`;
}

function namesOf({ cluster }: Chosen): { name: string; hosts: string[] } {
  return { name: cluster.name, hosts: cluster.hosts.map(({ name }) => name) };
}

function faultsOf(drilled: readonly DrilledCluster[]): FaultResult[] {
  return drilled.flatMap(({ runs }) => runs.map(({ result }) => result));
}
