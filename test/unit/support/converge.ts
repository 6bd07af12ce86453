import { readFileSync } from 'node:fs';
import { type ConvergeInput, convergeCluster } from '../../../src/engine/converge.js';
import type { RunEvent } from '../../../src/engine/events.js';
import type { ClusterResult } from '../../../src/engine/recap.js';
import type { Playbook } from '../../../src/playbook/model.js';
import { parsePlaybook } from '../../../src/playbook/parse.js';
import type { SimulatedPair } from './simulated-pair.js';

const UP = new URL('../../../playbooks/up.yaml', import.meta.url);

/** The playbook that ships. */
export function upPlaybook(edit = (text: string) => text): Playbook {
  const result = parsePlaybook(edit(readFileSync(UP, 'utf8')), 'up.yaml', '/srv/lb');
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

export interface Run {
  readonly result: ClusterResult;
  readonly events: readonly RunEvent[];
  /** `host resource state` of every task that was told. */
  readonly tasks: readonly string[];
}

/** `lbctl up` on a simulated pair. */
export async function up(pair: SimulatedPair, options: Partial<ConvergeInput> = {}): Promise<Run> {
  const events: RunEvent[] = [];
  const result = await convergeCluster({
    cluster: pair.cluster,
    playbook: upPlaybook(),
    authPass: new Map(),
    transport: pair.transport,
    emit: (event) => events.push(event),
    limit: null,
    force: false,
    signal: new AbortController().signal,
    stepLimit: null,
    lockWait: 0,
    revertAfter: null,
    onFailure: 'roll-back',
    who: 'op@desk',
    command: 'lbctl up',
    showDiff: false,
    ...options,
  });
  const tasks = events.flatMap((it) =>
    it.event === 'task' ? [`${it.host} ${it.resource} ${it.state}`] : [],
  );
  return { result, events, tasks };
}
