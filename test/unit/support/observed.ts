import type { Observation, Observations } from '../../../src/engine/assess.js';
import { HostFacts } from '../../../src/engine/facts.js';
import { allProbes } from '../../../src/engine/prepare.js';
import { buildResources } from '../../../src/planning/build-resources.js';
import { up, upPlaybook } from './converge.js';
import { type Changes, clusterOf } from './model.js';
import { SimulatedPair } from './simulated-pair.js';

/** A pair that `up` has built, whose hosts a test then spoils. */
export async function builtPair(...changes: Changes): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf(...changes));
  const { result } = await up(pair);
  if (result.exit !== 0) throw new Error(JSON.stringify(result));
  return pair;
}

/** What every host of a pair would answer to everything that a run asks. */
export function observations(pair: SimulatedPair): Observations {
  const resources = buildResources(upPlaybook(), pair.cluster, new Map());
  const seen = [...pair.hosts].map(([name, host]): [string, Observation] => {
    const refused = pair.refused.get(name);
    if (refused !== undefined) {
      return [name, { reachable: false, error: { severity: 'error', code: 'x', summary: refused.message } }];
    }
    const asked = allProbes(pair.cluster, resources, name).map(({ key, script }) => [
      key,
      script.text.reveal(),
    ]);
    const answers = asked.map(([key = '', script = '']) => [key, host.answer(key, script)] as const);
    return [name, { reachable: true, facts: new HostFacts(new Map(answers), 'not asked') }];
  });
  return new Map(seen);
}
