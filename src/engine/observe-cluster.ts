import type { Diagnostic } from '../base/diagnostic.js';
import type { Probe } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import type { Observation } from './assess.js';
import type { Connected } from './connect.js';
import { type ObserveOptions, observe } from './observe.js';

/** Asks every connected host at once. A host that fails meanwhile counts as unreachable. */
export async function observeAll(
  connected: Connected,
  probesFor: (host: string) => readonly Probe<unknown>[],
  options: ObserveOptions | ((host: string) => ObserveOptions) = {},
): Promise<Map<string, Observation>> {
  const observations = new Map<string, Observation>();
  for (const [host, error] of connected.failures) observations.set(host, { reachable: false, error });
  await Promise.all(
    [...connected.sessions].map(async ([host, session]) => {
      observations.set(
        host,
        await observeOne(session, probesFor(host), typeof options === 'function' ? options(host) : options),
      );
    }),
  );
  return observations;
}

export async function observeOne(
  session: Session,
  probes: readonly Probe<unknown>[],
  options: ObserveOptions,
): Promise<Observation> {
  try {
    return { reachable: true, facts: await observe(session, probes, options) };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const diagnostic: Diagnostic = {
      ...error.diagnostic,
      cluster: session.host.cluster,
      host: session.host.name,
    };
    return { reachable: false, error: diagnostic };
  }
}
