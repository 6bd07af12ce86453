import { atTheEnd, type Command, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { MODEL } from '../resources/kept.js';
import { fileProbe } from '../resources/probes/file.js';
import { UnknownFact } from '../resources/types.js';
import type { Observations } from './assess.js';
import { reachableFacts } from './prepare.js';

/** What a cluster was like when a run changed it: enough to ask afterwards whether it is so. No secrets. */
export interface KeptModel {
  /** The run that wrote it. */
  readonly number: number;
  readonly hosts: readonly string[];
  readonly cluster: Pick<Cluster, 'vrrpInstances' | 'check' | 'haproxy' | 'verify'>;
}

/** After a run that ended well, on every host: what its configuration stands for from now on. */
export function rememberScript(cluster: Cluster, number: number): Command {
  const fresh = `${MODEL}.lbctl-new`;
  return sh`(
umask 077
${atTheEnd(sh`rm -f ${fresh}`)}
printf %s ${modelText(cluster, number)} >${fresh} && mv -f ${fresh} ${MODEL}
)`;
}

/** JSON, one line. `source`: places in a file of the operator's, meaningless on a host. */
function modelText(cluster: Cluster, number: number): string {
  const { vrrpInstances, check, haproxy, verify } = cluster;
  const model: KeptModel = {
    number,
    hosts: cluster.hosts.map((host) => host.name),
    cluster: { vrrpInstances, check, haproxy, verify },
  };
  return JSON.stringify(model, (key, value: unknown) => {
    if (key === 'source') return undefined;
    // Of a configuration of their own: where it listens is asked, the text is in haproxy.cfg.
    if (key === 'text') return '';
    return key === 'authPass' ? null : value;
  });
}

/** null where it is missing or not what this lbctl writes. */
export function parseModel(text: string | null): KeptModel | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text, (_, it: unknown) => it);
    return isModel(value) ? value : null;
  } catch {
    return null;
  }
}

function isModel(value: unknown): value is KeptModel {
  if (typeof value !== 'object' || value === null) return false;
  const { number, hosts, cluster } = value as Partial<KeptModel>;
  return (
    typeof number === 'number' &&
    Array.isArray(hosts) &&
    typeof cluster === 'object' &&
    Array.isArray(cluster.vrrpInstances) &&
    typeof cluster.check === 'object' &&
    typeof cluster.haproxy === 'object' &&
    typeof cluster.verify === 'object'
  );
}

/** The cluster as it was then; hosts that joined later are left out, how hosts are reached is as it is now. */
export function clusterAt(cluster: Cluster, model: KeptModel): Cluster {
  const hosts = cluster.hosts.filter((host) => model.hosts.includes(host.name));
  return { ...cluster, ...model.cluster, hosts };
}

/** What a host says that its cluster is. */
export const modelProbe = fileProbe(MODEL);

/** The cluster as the last run that ended well left it, by the youngest of what its hosts say; null: none says anything. */
export function presentCluster(cluster: Cluster, observations: Observations): Cluster | null {
  const models = [...reachableFacts(observations).values()].flatMap((facts) => {
    try {
      const file = facts.need(modelProbe);
      return (file.kind === 'missing' ? null : parseModel(file.content)) ?? [];
    } catch (error) {
      if (error instanceof UnknownFact) return [];
      throw error;
    }
  });
  const [youngest] = models.sort((a, b) => b.number - a.number);
  return youngest === undefined ? null : clusterAt(cluster, youngest);
}
