import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster } from '../inventory/model.js';
import { type Session, type Transport, TransportError } from '../transport/types.js';

export interface Connected {
  readonly sessions: ReadonlyMap<string, Session>;
  readonly failures: ReadonlyMap<string, Diagnostic>;
}

/** Connects to every host of a cluster at once; a host that cannot be reached does not stop the others. */
export async function connectAll(
  cluster: Cluster,
  transport: Transport,
  signal?: AbortSignal,
): Promise<Connected> {
  const sessions = new Map<string, Session>();
  const failures = new Map<string, Diagnostic>();
  await Promise.all(
    cluster.hosts.map(async (host) => {
      try {
        sessions.set(host.name, await transport.connect(host, signal));
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        failures.set(host.name, { ...error.diagnostic, cluster: cluster.name, host: host.name });
      }
    }),
  );
  return { sessions, failures };
}

export function closeAll(connected: Connected): void {
  for (const session of connected.sessions.values()) session.close();
}
