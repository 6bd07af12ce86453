import type { Cluster } from '../inventory/model.js';
import { fileDiff, markSecrets } from '../resources/diff.js';
import { type HistoryFacts, historyProbe, type Texts } from '../resources/probes/history.js';
import { UnknownFact } from '../resources/types.js';
import type { Observations } from './assess.js';
import type { ClusterHistory, Problem } from './documents.js';
import { reachableFacts } from './prepare.js';

type Runs = Map<number, { who: string; command: string; when: string; hosts: Record<string, HostRun> }>;
type HostRun = ClusterHistory['generations'][number]['hosts'][string];

/** What runs have changed on the hosts of a cluster, the youngest first. Pure. */
export function historyOf(cluster: Cluster, observations: Observations): ClusterHistory {
  const problems: Problem[] = [];
  for (const [host, it] of observations) {
    if (!it.reachable) problems.push({ code: 'host_unreachable', message: it.error.summary, host });
  }
  const runs: Runs = new Map();
  for (const [host, facts] of reachableFacts(observations)) {
    try {
      addHost(runs, host, facts.need(historyProbe));
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      problems.push({ code: 'history_unknown', message: error.reason, host });
    }
  }
  const generations = [...runs].sort(([a], [b]) => b - a).map(([number, run]) => ({ number, ...run }));
  return { name: cluster.name, generations, problems };
}

function addHost(runs: Runs, host: string, { generations, now }: HistoryFacts): void {
  generations.forEach(({ number, who, command, when, changes, reverted, files }, index) => {
    const run = runs.get(number) ?? { who, command, when, hosts: {} };
    const after = generations[index + 1]?.files ?? now;
    run.hosts[host] = { changes: [...changes], diff: differences(files, after, now), reverted };
    runs.set(number, run);
  });
}

/** What a run and everything until the next one made of the files; null: nothing. */
function differences(before: Texts, after: Texts, now: Texts): string | null {
  const diffs = [...before].flatMap(([path, text]) => {
    // A later run may keep fewer files: of a task that is gone, say.
    const then = after.has(path) ? after.get(path) : now.get(path);
    return (then ?? null) === text ? [] : [fileDiff(path, text, markSecrets(then ?? ''))];
  });
  return diffs.length === 0 ? null : diffs.join('');
}
