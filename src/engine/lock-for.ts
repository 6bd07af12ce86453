import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { generationsProbe } from '../resources/probes/generation.js';
import { type Probe, UnknownFact } from '../resources/types.js';
import type { Observations } from './assess.js';
import type { Connected } from './connect.js';
import type { Emit } from './events.js';
import { modelProbe } from './model-file.js';
import { reachableFacts } from './prepare.js';
import { newOwner, type RunOwner } from './run-owner.js';
import { type LockResult, lockPatiently, type Seen } from './take-lock.js';

export interface LockInput {
  readonly cluster: Cluster;
  readonly emit: Emit;
  /** user@machine */
  readonly who: string;
  /** As the user typed it, without secrets. */
  readonly command: string;
  /** Seconds to wait for somebody else's lock. */
  readonly lockWait: number;
  /** Seconds without a sign of life after which a host goes back by itself; null: as usual. */
  readonly revertAfter: number | null;
  readonly signal: AbortSignal;
}

export type Locked = Extract<LockResult, { ok: true }> & { readonly owner: RunOwner };

/**
 * Takes the lock of a cluster for a run, and looks at its hosts in the same round trip, as far as need be.
 * @param seen what they showed to the same questions just before
 */
export async function lockFor(
  input: LockInput,
  connected: Connected,
  probes: (host: string) => readonly Probe<unknown>[],
  seen: Seen | null = null,
): Promise<Locked | Extract<LockResult, { ok: false }>> {
  const { cluster, emit } = input;
  const phase = (state: 'started' | 'done' | 'failed') =>
    emit({ event: 'phase', cluster: cluster.name, phase: 'lock', state });
  phase('started');
  const owner = newOwner(input);
  const asking = { probes, seen, always: [generationsProbe, modelProbe] };
  const patience = { seconds: input.lockWait, signal: input.signal };
  const locked = await lockPatiently(cluster, connected.sessions, owner, asking, patience);
  phase(locked.ok ? 'done' : 'failed');
  return locked.ok ? { ...locked, owner } : locked;
}

/** The number of the next run: the same on every host of the cluster, whichever of them it changes. */
export function nextNumber(cluster: Cluster, observations: Observations): number | Diagnostic {
  let last = -1;
  for (const [host, facts] of reachableFacts(observations)) {
    try {
      for (const { number } of facts.need(generationsProbe)) last = Math.max(last, number);
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      const about = { severity: 'error', code: 'unknown-fact', cluster: cluster.name, host } as const;
      return { ...about, summary: error.reason };
    }
  }
  return last + 1;
}
