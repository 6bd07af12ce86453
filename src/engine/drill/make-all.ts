import { EXIT, type ExitCode, worstExit } from '../../base/exit-codes.js';
import type { ClusterStatus, FaultRun } from '../documents.js';
import type { ClusterResult, Recap } from '../recap.js';
import { activeHost, type DrillContext } from './context.js';
import type { CutPlan } from './cut.js';
import type { DrillInput } from './drill-cluster.js';
import { faultRun } from './fault-run.js';
import { type FaultName, SERVICE_FAULTS } from './faults.js';
import { runFault } from './run-fault.js';

interface Making {
  readonly context: DrillContext;
  readonly cuts: ReadonlyMap<string, CutPlan>;
  readonly status: ClusterStatus;
}

/** Stops where the pair is not healthy any more: what is measured then would mean nothing. */
export async function makeAll(
  input: DrillInput,
  making: Making,
  recap: Recap,
): Promise<{ readonly done: FaultRun[]; readonly result: ClusterResult }> {
  const { context, cuts } = making;
  const { cluster } = input;
  const done: FaultRun[] = [];
  let { status } = making;
  let worst: ExitCode = EXIT.ok;
  let error: string | null = null;
  const fail = (exit: ExitCode, host: string, code: string, summary: string): void => {
    recap.diagnose({ severity: 'error', code, summary, cluster: cluster.name, host });
    error ??= summary;
    worst = worstExit([worst, exit]);
  };
  for (const name of input.faults) {
    for (let repetition = 1; repetition <= input.repeat; repetition++) {
      if (input.signal.aborted)
        return { done, result: recap.end(EXIT.interrupted, status.state, 'interrupted') };
      const host = input.host ?? activeHost(status);
      const cut = name === 'network-cut' ? cuts.get(host) : undefined;
      const fault =
        name === 'network-cut' ? (cut?.possible === true ? cut.fault : null) : SERVICE_FAULTS[name];
      const method = cut?.possible === true ? cut.method : null;
      if (fault === null) {
        const why = cut?.possible === false ? cut.why : 'it was not looked at';
        const told = { event: 'fault', cluster: cluster.name, host, fault: name, repetition } as const;
        input.emit({ ...told, state: 'impossible', detail: why });
        done.push(notMade(context, { name, host, repetition, before: status }, why));
        fail(EXIT.failed, host, 'fault-impossible', `${name} cannot be made on ${host}: ${why}`);
        continue;
      }
      const end = await runFault(context, { name, fault, method, host, repetition, before: status });
      done.push(end.run);
      status = end.after;
      const { result } = end.run;
      const lost = context.prober.failure();
      if (!result.made) fail(EXIT.failed, host, 'fault-not-made', `${name}: ${result.error}`);
      else if (!result.restored) fail(EXIT.unhealthy, host, 'not-restored', `after ${name} ${result.error}`);
      else if (result.takeover_expected && result.takeover_ms === null)
        fail(EXIT.unhealthy, host, 'no-takeover', `${name} on ${host}: no other host took over`);
      else if (result.error !== null && lost === null)
        fail(EXIT.failed, host, 'fault-failed', `${name}: ${result.error}`);
      if (lost !== null && !input.signal.aborted) {
        const summary = `nothing can be measured any more: ${lost}`;
        recap.diagnose({ severity: 'error', code: 'drill-client-lost', summary, cluster: cluster.name });
        return {
          done,
          result: recap.end(worstExit([worst, EXIT.unreachable]), status.state, error ?? summary),
        };
      }
      if (!result.restored) return { done, result: recap.end(worst, status.state, error) };
    }
  }
  const exit = input.signal.aborted ? EXIT.interrupted : worst;
  return { done, result: recap.end(exit, status.state, error) };
}

function notMade(
  context: DrillContext,
  about: { name: FaultName; host: string; repetition: number; before: ClusterStatus },
  error: string,
): FaultRun {
  const story = { began: 0, madeAt: null, undoneAt: 0, healthyAt: 0, endedAt: 0, error, cutShort: false };
  return faultRun(context, { ...about, fault: { moves: 'perhaps' }, method: null }, story);
}
