import type { ClusterStatus, FaultRun } from '../documents.js';
import { settleLimit } from '../gates.js';
import { now } from './clock.js';
import { type DrillContext, type FaultInput, switchSeconds } from './context.js';
import { type FaultStory, faultRun } from './fault-run.js';
import { CALM, hold, isCalmNow, pauseUntil, type Tell } from './hold.js';
import { make, undo } from './make-fault.js';
import { untilHealthy } from './restore.js';

/** Milliseconds after which a client that is not served by a healthy pair will not be: keepalived repeats its ARP every 10 s. */
const SERVED_LIMIT = 15_000;
const NOT_SERVED = `the pair is healthy, but the client loop was not answered without a failure within ${SERVED_LIMIT / 1000} s`;

export interface FaultEnd {
  readonly run: FaultRun;
  readonly after: ClusterStatus;
}

/** Arms the undo, breaks, watches until the other host serves, undoes, and waits for a healthy pair. */
export async function runFault(context: DrillContext, input: FaultInput): Promise<FaultEnd> {
  const { cluster, connected, emit, prober, signal } = context;
  const session = connected.sessions.get(input.host);
  if (session === undefined) throw new Error(`no session to ${input.host}`);
  const began = now();
  const tell: Tell = (state, at, detail) =>
    emit({
      event: 'fault',
      cluster: cluster.name,
      host: input.host,
      fault: input.name,
      repetition: input.repetition,
      state,
      ...(at === undefined ? {} : { at_ms: Math.round(at) }),
      ...(detail === undefined ? {} : { detail }),
    });
  tell('arming', undefined, `${input.host} undoes it by itself after ${switchSeconds(cluster)} s`);
  const making = make(context, input, session);
  const held = await hold(context, input, making, tell);
  tell('undoing', held.madeAt === null ? undefined : now() - held.madeAt);
  const undone = await undo(context, input, session);
  const madeError = await making.ended;
  const after = await untilHealthy(cluster, connected, 2 * settleLimit(cluster) + undone.patience);
  const healthyAt = now();
  const healthy = after.state === 'healthy';
  // Also a healthy pair may not be served yet: neighbours that kept the wrong MAC address, say.
  const served = await pauseUntil(
    SERVED_LIMIT,
    () => prober.failure() !== null || (now() > healthyAt + CALM && isCalmNow(context)),
  );
  const restored = healthy && served;
  const lost = prober.failure();
  const story: FaultStory = {
    began,
    madeAt: held.madeAt,
    undoneAt: undone.at,
    healthyAt: restored ? healthyAt : null,
    endedAt: now(),
    error: madeError ?? undone.error ?? (healthy ? (served ? lost : NOT_SERVED) : unhealthy(after)),
    cutShort: lost !== null || signal.aborted,
  };
  tell(restored ? 'restored' : 'failed', now() - (held.madeAt ?? began), story.error ?? undefined);
  return { run: faultRun(context, input, story), after };
}

function unhealthy({ state, problems }: ClusterStatus): string {
  return `the pair is ${state}: ${problems.map(({ host, message }) => (host === null ? message : `${host}: ${message}`)).join('; ')}`;
}
