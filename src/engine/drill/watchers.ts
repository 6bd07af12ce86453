import type { Session } from '../../transport/types.js';
import { TransportError } from '../../transport/types.js';
import { type ClockOffset, clockOffset } from './clock.js';
import type { Seen } from './timeline.js';
import { parseSighting, watchScript } from './watch.js';

/** Seconds; longer than anybody drills. */
const LIMIT = 7 * 24 * 3600;
/** Milliseconds until a watch whose connection was lost begins again. */
const AGAIN = 200;

export interface Watch {
  /** What all hosts told, times by our clock. It grows, not quite in order. */
  readonly seen: readonly Seen[];
  readonly clocks: ReadonlyMap<string, ClockOffset>;
  stop(): void;
}

/** Watches all hosts from now on. @throws TransportError */
export async function watchHosts(sessions: ReadonlyMap<string, Session>): Promise<Watch> {
  const clocks = new Map<string, ClockOffset>();
  await Promise.all(
    [...sessions].map(async ([host, session]) => {
      clocks.set(host, await clockOffset(session));
    }),
  );
  const seen: Seen[] = [];
  const ended = new AbortController();
  for (const [host, session] of sessions) {
    const { offset } = clocks.get(host) ?? { offset: 0 };
    void watchOne(session, ended.signal, (line) => {
      const sighting = parseSighting(line);
      if (sighting !== null) seen.push({ ...sighting, host, at: sighting.at - offset });
    });
  }
  return { seen, clocks, stop: () => ended.abort() };
}

async function watchOne(
  session: Session,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await session.run(watchScript(), { limit: LIMIT, signal, onLine });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}
