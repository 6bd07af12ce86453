import type { Cluster } from '../../inventory/model.js';
import { type Answer, type Target, verifyTargets } from '../../resources/probes/through-vip.js';

/** What the client loop asks, over and over, each time over a new connection. */
export interface Aim {
  readonly kind: 'http' | 'https' | 'tcp';
  readonly address: string;
  readonly port: number;
  readonly hostHeader: string;
  readonly path: string;
  /** The status that counts as an answer; null: any but HAProxy's own 502, 503 and 504. */
  readonly status: number | null;
  /** For people: `http://192.0.2.200/`, `192.0.2.200 port 25`. */
  readonly label: string;
}

/**
 * `verify.url`, else the first HTTP frontend, else the first port that takes connections: through an address of `held`
 * where there is one. `answers`: what hosts got that asked through the addresses, which tells the ports of a
 * haproxy.cfg of the user's own.
 */
export function aimOf(cluster: Cluster, held: readonly string[], answers: readonly Answer[]): Aim | null {
  const ports = answers.filter(({ connected, target }) => connected && target.kind === 'auto');
  const found = verifyTargets(cluster).flatMap((target): Target[] => {
    if (target.kind !== 'auto') return [target];
    return ports
      .filter((it) => it.target.address === target.address)
      .map(({ target: { port }, status }) => ({ ...target, port, kind: status === null ? 'tcp' : 'http' }));
  });
  const rank = (it: Target) => (it.kind === 'tcp' ? 2 : 0) + (held.includes(it.address) ? 0 : 1);
  const [first] = [...found].sort((a, b) => rank(a) - rank(b));
  if (first === undefined || first.kind === 'auto') return null;
  const { kind, address, port, hostHeader, path } = first;
  return {
    kind,
    address,
    port,
    hostHeader,
    path,
    status: cluster.verify.status,
    label: labelOf(kind, first),
  };
}

function labelOf(kind: Aim['kind'], { address, port, path }: Target): string {
  if (kind === 'tcp') return `${address} port ${port}`;
  const host = address.includes(':') ? `[${address}]` : address;
  const usual = kind === 'http' ? 80 : 443;
  return `${kind}://${host}${port === usual ? '' : `:${port}`}${path}`;
}
