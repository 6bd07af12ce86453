import type { Diagnostic } from '../../base/diagnostic.js';
import { EXIT, type ExitCode } from '../../base/exit-codes.js';
import type { Cluster } from '../../inventory/model.js';
import { type Answer, throughVipProbe, verifyTargets } from '../../resources/probes/through-vip.js';
import { UnknownFact } from '../../resources/types.js';
import { type Session, type Transport, TransportError } from '../../transport/types.js';
import type { Observations } from '../assess.js';
import { reachableFacts } from '../prepare.js';
import { clockOffset, now } from './clock.js';
import { fromHost } from './from.js';
import { probeHere } from './probe-here.js';
import { probeThere } from './probe-there.js';
import type { Prober } from './prober.js';
import { isCalm } from './samples.js';
import type { Aim } from './target.js';

/** Why a drill cannot begin. */
export class NoDrill extends Error {
  constructor(
    readonly exit: ExitCode,
    readonly diagnostic: Diagnostic,
  ) {
    super(diagnostic.summary);
  }
}

/** Milliseconds in which the client loop has to be answered. */
const FIRST_ANSWERS = 6000;
const CALM = 500;

export interface ProberNeeds {
  readonly cluster: Cluster;
  readonly transport: Transport;
  readonly aim: Aim;
  readonly rate: number;
  readonly signal: AbortSignal;
}

export interface Running {
  readonly prober: Prober;
  /** Milliseconds by which its times may be wrong. */
  readonly clockError: number;
  close(): void;
}

/** Starts the client loop where the inventory says, and waits until it is answered. @throws NoDrill */
export async function startProber(needs: ProberNeeds): Promise<Running> {
  const { cluster, aim, rate, signal } = needs;
  const { from } = cluster.drill;
  const remote = from === null ? null : await connectFrom(needs, from);
  const prober =
    remote === null
      ? probeHere({ aim, rate })
      : probeThere({ session: remote.session, offset: remote.offset, aim, rate });
  const close = (): void => {
    prober.stop();
    remote?.session.close();
  };
  const began = now();
  const calm = () => isCalm(prober.samples, { now: now(), calmMs: CALM, interval: 1000 / rate });
  while (!calm() && prober.failure() === null && now() < began + FIRST_ANSWERS && !signal.aborted)
    await new Promise((resolve) => setTimeout(resolve, 50));
  if (calm() || signal.aborted) return { prober, clockError: remote?.error ?? 0, close };
  close();
  throw new NoDrill(EXIT.failed, notAnswered(cluster, aim, prober));
}

async function connectFrom(
  { cluster, transport, signal }: ProberNeeds,
  from: string,
): Promise<{ session: Session; offset: number; error: number }> {
  try {
    const session = await transport.connect(fromHost(cluster, from), signal);
    return { session, ...(await clockOffset(session)) };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const { diagnostic } = error;
    throw new NoDrill(EXIT.unreachable, {
      ...diagnostic,
      cluster: cluster.name,
      summary: `the host to measure from cannot be used: ${diagnostic.summary}`,
    });
  }
}

function notAnswered(cluster: Cluster, aim: Aim, prober: Prober): Diagnostic {
  const here = cluster.drill.from === null;
  const failed = prober.samples.filter(({ ok }) => !ok).at(-1)?.why;
  const answered = prober.samples.filter(({ ok }) => ok).length;
  return {
    severity: 'error',
    code: 'drill-no-client',
    summary: `${aim.label} does not answer ${prober.description} well enough to measure`,
    detail:
      prober.failure() ??
      `${answered} of ${prober.samples.length} requests were answered${failed === undefined ? '' : `; last failure: ${failed}`}`,
    hint: here
      ? 'name a host that stands where the clients are: `drill: { from: HOST }` in the inventory'
      : 'look whether that host reaches the virtual address, or lower `--rate`',
    cluster: cluster.name,
  };
}

/** What hosts got that asked through the virtual addresses. */
export function answersIn(cluster: Cluster, observations: Observations): Answer[] {
  return [...reachableFacts(observations).values()].flatMap((facts) => {
    try {
      return [...facts.need(throughVipProbe(verifyTargets(cluster)))];
    } catch (error) {
      if (error instanceof UnknownFact) return [];
      throw error;
    }
  });
}
