import type { Observation } from '../../../src/engine/assess.js';
import type { ClusterStatus } from '../../../src/engine/documents.js';
import { HostFacts } from '../../../src/engine/facts.js';
import type { Inspection } from '../../../src/engine/inspect.js';
import type { Cluster } from '../../../src/inventory/model.js';
import { builtPair } from './observed.js';
import type { SimulatedPair } from './simulated-pair.js';

const VIP = '10.0.0.100';

const usual = (host: string, key: string) =>
  key === 'answering'
    ? `${host === 'lb2' ? `answers ${VIP} 02:00:00:00:00:01\n` : ''}end\n`
    : key === 'complaints'
      ? 'now 1000.0\n'
      : key.startsWith('certificates')
        ? 'now 1000\n'
        : undefined;

/** By `HOST KEY` of a probe: what the host answers to it instead. */
export type Odd = Readonly<Record<string, string>>;

/** A pair that `lbctl up` built, spoiled, and what an inspection says of it. */
export async function inspected(
  inspectionOf: (cluster: Cluster) => Inspection,
  spoil: (pair: SimulatedPair) => void,
  odd: Odd = {},
): Promise<ClusterStatus> {
  const pair = await builtPair();
  for (const [name, mac] of [
    ['lb1', '02:00:00:00:00:01'],
    ['lb2', '02:00:00:00:00:02'],
  ] as const) {
    const host = pair.host(name);
    const own = () => [host.host.address, ...host.held].map((local) => ({ local, prefixlen: 24 }));
    Object.defineProperty(host, 'network', {
      value: () =>
        JSON.stringify([{ ifname: 'eth0', address: mac, flags: ['UP', 'LOWER_UP'], addr_info: own() }]),
    });
  }
  spoil(pair);
  const { probes, judge } = inspectionOf(pair.cluster);
  const seen = [...pair.hosts].map(([name, host]): [string, Observation] => {
    const refused = pair.refused.get(name);
    if (refused !== undefined)
      return [name, { reachable: false, error: { severity: 'error', code: 'x', summary: 'gone' } }];
    const answers = probes(name).map(({ key, script }) => {
      const stdout = odd[`${name} ${key.split(':')[0]}`] ?? usual(name, key);
      const said =
        stdout === undefined ? host.answer(key, script.text.reveal()) : { stdout, stderr: '', exitCode: 0 };
      return [key, said] as const;
    });
    return [name, { reachable: true, facts: new HostFacts(new Map(answers), 'not asked') }];
  });
  return judge(new Map(seen));
}

export function told({ problems }: ClusterStatus): string[] {
  return problems.map(({ host, code }) => `${host} ${code}`);
}

/** As somebody with an editor would, unknown to the service. */
export function edit(
  pair: SimulatedPair,
  host: string,
  path: string,
  change: (text: string) => string,
): void {
  const file = pair.host(host).files.get(path);
  if (file === undefined) throw new Error(`no ${path}`);
  file.content = change(file.content);
}
