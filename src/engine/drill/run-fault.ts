import type { ClusterStatus, FaultRun } from '../documents.js';
import type { FaultState } from '../events.js';
import { longestInterval, settleLimit } from '../gates.js';
import { now } from './clock.js';
import { type DrillContext, type FaultInput, heldBefore, switchSeconds, takeoverLimit } from './context.js';
import { type FaultStory, faultRun } from './fault-run.js';
import { type Making, make, undo } from './make-fault.js';
import { untilHealthy } from './restore.js';
import { isCalm } from './samples.js';
import { movesOf } from './timeline.js';

/** Milliseconds without a failed request after which the client counts as served again. */
const CALM = 1000;
const POLL = 20;
/** Milliseconds after which a client that is not served by a healthy pair will not be: keepalived repeats its ARP every 10 s. */
const SERVED_LIMIT = 15_000;
const NOT_SERVED = `the pair is healthy, but the client loop was not answered without a failure within ${SERVED_LIMIT / 1000} s`;

export interface FaultEnd {
  readonly run: FaultRun;
  readonly after: ClusterStatus;
}

/** Arms the undo, breaks, watches until the other host serves, undoes, and waits for a healthy pair. */
export async function runFault(context: DrillContext, input: FaultInput): Promise<FaultEnd> {
  const { cluster, connected, emit } = context;
  const session = connected.sessions.get(input.host);
  if (session === undefined) throw new Error(`no session to ${input.host}`);
  const began = now();
  const tell = (state: FaultState, at?: number, detail?: string): void =>
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
  const served = await pauseUntil(SERVED_LIMIT, () => now() > healthyAt + CALM && isCalmNow(context));
  const restored = healthy && served;
  const story: FaultStory = {
    began,
    madeAt: held.madeAt,
    undoneAt: undone.at,
    healthyAt: restored ? healthyAt : null,
    endedAt: now(),
    error: madeError ?? undone.error ?? (healthy ? (served ? null : NOT_SERVED) : unhealthy(after)),
  };
  tell(restored ? 'restored' : 'failed', now() - (held.madeAt ?? began), story.error ?? undefined);
  return { run: faultRun(context, input, story), after };
}

/** Until the client is served again, by whomever, or there is nothing left to wait for. */
async function hold(
  context: DrillContext,
  { fault, host, before }: FaultInput,
  making: Making,
  tell: (state: FaultState, at?: number, detail?: string) => void,
): Promise<{ readonly madeAt: number | null }> {
  const { cluster, watch, signal } = context;
  const addresses = heldBefore(before, host);
  const limit = takeoverLimit(cluster) * 1000;
  const told = new Set<FaultState>();
  const once = (state: FaultState, at?: number, detail?: string): void => {
    if (!told.has(state)) tell(state, at, detail);
    told.add(state);
  };
  const atLeast = fault.moves === 'perhaps' ? 1000 * (4 * longestInterval(cluster) + 1) : 3 * CALM;
  const deadline = now() + limit;
  await pauseUntil(limit + 60_000, () => {
    if (signal.aborted || making.error != null) return true;
    const { at } = making;
    if (at === null) return now() > deadline;
    once('made', 0);
    const moves = movesOf(watch.seen, { from: at - 5, to: now(), host, addresses });
    if (moves.noticed !== null)
      once('noticed', moves.noticed.at - at, `${moves.noticed.host}: ${moves.noticed.what}`);
    if (moves.takenOver !== null) once('taken-over', moves.takenOver.at - at, moves.takenOver.host);
    if (now() > at + limit) return true;
    const settled =
      fault.moves === 'always' && addresses.length > 0
        ? moves.takenOver !== null && now() > moves.takenOver.at + CALM
        : now() > at + atLeast;
    // A stop that hands over is not done when the address has moved: undoing it before that would cancel it.
    return settled && making.error === null && isCalmNow(context);
  });
  return { madeAt: making.at };
}

function isCalmNow({ prober, rate }: DrillContext): boolean {
  return isCalm(prober.samples, { now: now(), calmMs: CALM, interval: 1000 / rate });
}

function unhealthy({ state, problems }: ClusterStatus): string {
  return `the pair is ${state}: ${problems.map(({ host, message }) => (host === null ? message : `${host}: ${message}`)).join('; ')}`;
}

/** False: it did not come true in time. */
async function pauseUntil(limitMs: number, done: () => boolean): Promise<boolean> {
  const deadline = now() + limitMs;
  while (!done()) {
    if (now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
  return true;
}
