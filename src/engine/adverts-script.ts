import { type Command, sh } from '../base/shell.js';

/** Seconds between the adverts of the rehearsal. A listener that hears nothing speaks up after four of them. */
export const REHEARSAL_INTERVAL = 0.1;

/** Seconds after which a host ends its part, whatever became of the connection. */
const LIMIT = 9;

/** A way that adverts take between the hosts: what the rehearsal needs of a VRRP instance. */
export interface Path {
  /** By host. */
  readonly devices: Readonly<Record<string, string>>;
  /** Of the addresses, and so of the adverts. */
  readonly family: 4 | 6;
  readonly unicast: boolean;
  /** By speaker: a number that the cluster does not use. */
  readonly virtualRouterIds: Readonly<Record<string, number>>;
}

/** What `keepalived` calls the instance in which one host speaks and the others listen. */
function nameOf(path: number, speaker: number): string {
  return `lbctl_${path}_${speaker}`;
}

/**
 * A keepalived.conf in which every host speaks once. The priorities are the lowest there are, so that a foreign pair
 * that happens to have the number goes on.
 */
export function rehearsalConfig(
  paths: readonly Path[],
  hosts: readonly { readonly name: string; readonly address: string }[],
  host: { readonly name: string; readonly address: string },
): string {
  const peers = hosts.filter((it) => it.name !== host.name).map((it) => `    ${it.address}\n`);
  const blocks = paths.flatMap((path, at) =>
    hosts.map((speaker, index) => {
      const unicast = `  unicast_src_ip ${host.address}\n  unicast_peer {\n${peers.join('')}  }\n`;
      const vrid = path.virtualRouterIds[speaker.name] ?? 0;
      return `vrrp_instance ${nameOf(at, index)} {
  state BACKUP
  interface ${path.devices[host.name]}
  virtual_router_id ${vrid}
  priority ${speaker.name === host.name ? 2 : 1}
  advert_int ${REHEARSAL_INTERVAL}
${path.unicast ? unicast : ''}  virtual_ipaddress {
    ${harmless(path, at, vrid)} dev lo
  }
}
`;
    }),
  );
  return `global_defs {\n  vrrp_version 3\n}\n${blocks.join('')}`;
}

/** keepalived insists on an address, and speaks its family: one that never leaves the host harms nobody. */
function harmless({ family }: Path, at: number, vrid: number): string {
  return family === 4 ? `127.112.${at + 1}.${vrid}/32` : `fe80::112:${at + 1}:${vrid}/128`;
}

/**
 * A second keepalived with files of its own, that tells of its states until `endRehearsalScript` or its time limit ends it. It is
 * in a session of its own, so that it is ended in order, and its files are removed, where the connection is lost.
 */
export function rehearsalScript(config: string, token: string): Command {
  return sh`d=/run/lbctl-adverts.${token}
mkdir -m 700 "$d" && printf '%s' ${config} >"$d/keepalived.conf" || exit 1
setsid sh -c 'timeout -k 1 "$2" keepalived -nPlDG -f "$1/keepalived.conf" -p "$1/pid" -r "$1/vrrp.pid"; rm -rf "$1"' sh "$d" ${LIMIT} 2>&1 &
wait`;
}

/** Ends the other keepalived and waits until nothing of it is left. */
export function endRehearsalScript(token: string): Command {
  return sh`d=/run/lbctl-adverts.${token}
n=0
while [ -d "$d" ] && [ "$n" -lt 100 ]; do
  [ ! -s "$d/pid" ] || kill "$(cat "$d/pid")"
  sleep 0.05
  n=$((n + 1))
done 2>/dev/null`;
}

export interface Told {
  readonly path: number;
  readonly speaker: number;
  readonly state: 'MASTER' | 'BACKUP';
}

/** What a line of keepalived's log says of a state; null: something else. */
export function parseTold(line: string): Told | null {
  const found = /\(lbctl_(\d+)_(\d+)\) Entering (MASTER|BACKUP) STATE/.exec(line);
  if (found === null) return null;
  return {
    path: Number(found[1]),
    speaker: Number(found[2]),
    state: found[3] === 'MASTER' ? 'MASTER' : 'BACKUP',
  };
}
