import { type Command, sh } from '../../base/shell.js';

/** Something that a host told while it was watched. `at`: milliseconds since the epoch, by the host's clock. */
export type Sighting =
  | { readonly kind: 'gained' | 'lost'; readonly at: number; readonly address: string }
  /** keepalived's own words: a change of state, or an advert of priority 0 that was sent or received. */
  | { readonly kind: 'vrrp'; readonly at: number; readonly instance: string; readonly what: string };

/**
 * Tells addresses that come and go and what keepalived says, line by line as it happens: the kernel and the journal
 * know when something was, so nothing is polled. Ends with the connection.
 */
export function watchScript(): Command {
  return sh`export TZ=UTC
journalctl -u keepalived -n 0 -f -o short-unix --no-pager 2>/dev/null &
exec ip -o -tshort monitor address`;
}

/** What a line means; null for everything else that such commands print. */
export function parseSighting(line: string): Sighting | null {
  return parseAddress(line) ?? parseJournal(line);
}

/**
 * `[2026-11-23T22:10:40.361098] Deleted 1733: eth0    inet 192.0.2.200/24 scope global secondary eth0\ …`. An address that
 * lingers on lo after it has left a host is not held: nobody is told of it there.
 */
function parseAddress(line: string): Sighting | null {
  const [, time, deleted, device, address] =
    /^\[([0-9T:.-]+)\] (Deleted )?\d+: (\S+)\s+inet6? ([0-9A-Fa-f.:]+)(?:\/| peer)/.exec(line) ?? [];
  if (time === undefined || address === undefined || device === 'lo') return null;
  const at = epochOf(time);
  // Duplicate address detection tells an IPv6 address twice: it can be used from the second time on.
  if (deleted === undefined && /\btentative\b/.test(line)) return null;
  return Number.isNaN(at) ? null : { kind: deleted === undefined ? 'gained' : 'lost', at, address };
}

/** Date.parse knows milliseconds only. */
function epochOf(time: string): number {
  const [seconds = '', fraction = '0'] = time.split('.');
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000;
}

/** `1795471845.427663 lb1 Keepalived_vrrp[1895]: (VI_1) Entering MASTER STATE` */
function parseJournal(line: string): Sighting | null {
  const [, time, instance, what] =
    /^(\d+\.\d+) \S+ Keepalived\w*\[\d+\]: (?:VRRP_Instance)?\(([^)]+)\) (.+)$/.exec(line) ?? [];
  if (time === undefined || instance === undefined || what === undefined) return null;
  const said = what.trim();
  if (!/^Entering \w+ STATE|priority 0\b|\b0 priority\b/i.test(said)) return null;
  return { kind: 'vrrp', at: Number(time) * 1000, instance, what: said };
}
