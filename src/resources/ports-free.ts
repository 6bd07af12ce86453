import { createHash } from 'node:crypto';
import { sameAddress } from '../base/addresses.js';
import { type Command, joinCommands, raw, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { boundPorts } from '../render/binds.js';
import { renderHaproxy } from '../render/haproxy.js';
import { HAPROXY_CFG } from '../render/platform.js';
import type { Listener } from './probes/listeners.js';

export interface WantedPort {
  readonly address: string;
  readonly port: number;
}

/**
 * Everything that HAProxy is going to listen on, as far as the configuration says it. A port whose address is not told is
 * no reason to accuse whoever listens on some address.
 */
export function wantedPorts(cluster: Cluster): WantedPort[] {
  const told = boundPorts(cluster).flatMap(({ address, port }) =>
    address === null ? [] : [{ address, port }],
  );
  return [{ address: '127.0.0.1', port: cluster.check.port }, ...told];
}

const ANY = new Set(['0.0.0.0', '*', '::', '[::]']);

/** Whether two sockets of one port, on these addresses, get in each other's way. */
export function overlap(one: string, other: string): boolean {
  return ANY.has(one) || ANY.has(other) || sameAddress(one, other);
}

/** Whether HAProxy listens already wherever it is going to: nobody else can take a port from it then. */
export function isBound(cluster: Cluster, listeners: readonly Listener[]): boolean {
  const own = listeners.filter(({ programs }) => programs.includes('haproxy'));
  return wantedPorts(cluster).every(({ address, port }) =>
    own.some((it) => it.port === port && sameAddress(it.address, address)),
  );
}

/**
 * Fails when another program listens where the configuration on the disk wants HAProxy to, and names it. The plan has
 * looked for that already, but a reload that cannot bind costs requests: HAProxy has given the old worker's sockets up
 * before the new one fails. Looked at as late as can be, and only for the file that this model renders: while an older
 * one is put back its own ports count.
 */
export function portsFree(cluster: Cluster, file = HAPROXY_CFG): Command {
  const hashes = (['debian', 'el'] as const).map((family) =>
    createHash('sha256').update(renderHaproxy(cluster, family)).digest('hex'),
  );
  const ports = [
    ...new Set(wantedPorts(cluster).map(({ address, port }) => `${port} ${canonical(address)}`)),
  ];
  return joinCommands([
    sh`wanted() { printf '%s\n' ${ports}; }`,
    sh`ours() { now=$(sha256sum ${file}); for h in ${hashes}; do case $now in "$h"*) return 0 ;; esac; done; return 1; }`,
    raw(`if ours; then
  listening=$(ss -Hltnp) || { echo 'ss -Hltnp failed: who listens is not known, nothing was reloaded' >&2; exit 1; }
  taken=$(printf '%s\\n' "$listening" | while read -r _ _ _ local _ users; do
    case $users in *'"haproxy"'*) continue ;; esac
    at=\${local%:*}; at=\${at%%%*}; at=\${at#[}; at=\${at%]}
    wanted | while read -r port address; do
      [ "$port" = "\${local##*:}" ] || continue
      case $at in 0.0.0.0|'*'|::|"$address") ;; *) case $address in 0.0.0.0|'*'|::) ;; *) continue ;; esac ;; esac
      who=$(printf '%s' "$users" | sed -n 's/[^"]*"\\([^"]*\\)".*/\\1/p')
      echo "port $port is taken by \${who:-another program}, which listens on $at; HAProxy was not reloaded"
      break
    done
  done)
  [ -z "$taken" ] || { printf '%s\\n' "$taken" >&2; exit 1; }
fi`),
  ]);
}

/** As `ss` writes an address. */
function canonical(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
