import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { networkProbe } from '../resources/probes/network.js';
import { type Facts, UnknownFact } from '../resources/types.js';
import type { Connected } from './connect.js';
import type { Emit } from './events.js';
import { settleLimit } from './gates.js';
import { observeAll } from './observe-cluster.js';
import { heldBy } from './prepare.js';

const PAUSE = 200;

/**
 * The gate between two hosts: no virtual address has two holders, and one that was held when the run began
 * has one. A host that can no longer be asked is unknown, hence a failure. null: passed.
 */
export async function oneHolderPerVip(
  cluster: Cluster,
  connected: Connected,
  heldBefore: ReadonlySet<string>,
  emit: Emit,
): Promise<Diagnostic | null> {
  const gate = { event: 'gate', cluster: cluster.name, host: null, gate: 'one-holder-per-vip' } as const;
  emit({ ...gate, state: 'waiting' });
  const addresses = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  const deadline = Date.now() + settleLimit(cluster) * 1000;
  const about = { severity: 'error', code: 'gate-failed', cluster: cluster.name } as const;
  const hint = 'no further host was touched; `lbctl status` shows the pair as it is now';
  let problem: Diagnostic | null;
  do {
    const observations = await observeAll(connected, () => [networkProbe]);
    problem = null;
    const holders = new Map<string, string[]>();
    for (const [host, observation] of observations) {
      if (!observation.reachable) {
        if (!connected.failures.has(host)) problem = observation.error;
        continue;
      }
      const unknown = unknownNetwork(observation.facts);
      if (unknown !== null)
        problem = { ...about, summary: `who holds what is not known on ${host}`, detail: unknown };
      for (const address of heldBy(cluster, observation.facts))
        holders.set(address, [...(holders.get(address) ?? []), host]);
    }
    for (const address of addresses) {
      const found = holders.get(address) ?? [];
      if (found.length > 1)
        problem ??= { ...about, summary: `${found.join(' and ')} both hold ${address}`, hint };
      if (found.length === 0 && heldBefore.has(address))
        problem ??= { ...about, summary: `nobody holds ${address} any more`, hint };
    }
    if (problem === null) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  } while (Date.now() < deadline);
  emit({
    ...gate,
    state: problem === null ? 'passed' : 'failed',
    ...(problem === null ? {} : { detail: problem.summary }),
  });
  return problem;
}

function unknownNetwork(facts: Facts): string | null {
  try {
    facts.need(networkProbe);
    return null;
  } catch (error) {
    if (error instanceof UnknownFact) return error.message;
    throw error;
  }
}
