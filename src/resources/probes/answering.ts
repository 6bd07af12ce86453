import { err, ok } from '../../base/result.js';
import { joinCommands, sh } from '../../base/shell.js';
import type { Cluster } from '../../inventory/model.js';
import type { Probe } from '../types.js';
import { ASK_PERL, ASK_PYTHON } from './arp-asker.js';
import { interpreted } from './interpreter.js';

export interface Answering {
  /** MAC addresses by virtual address: of every machine but this host that answers for it. */
  readonly macs: Readonly<Record<string, readonly string[]>>;
  /** Addresses of which this host cannot tell who else answers for them. */
  readonly unasked: readonly string[];
  /** Addresses of which it sees one answer at most, whoever else answers. */
  readonly single: readonly string[];
}

/** Seconds to wait for answers: on one network they come within milliseconds. */
const WAIT = 0.25;

/**
 * Which machines answer for the virtual addresses, as seen from this host. With an interpreter there, by ARP requests
 * that name no sender (RFC 5227): every holder answers, the asking host's own address may be the one in question, and
 * nobody's cache changes. Else, and for IPv6, by the entry in the neighbour table after an attempted connection: one
 * answer at most, and only on a host that does not hold the address itself.
 */
export const answeringProbe: Probe<Answering> = {
  key: 'answering',
  script: sh`f=/run/lbctl-answers.$m
i=0
while [ $i -lt 80 ]; do
  case $(tail -n 1 "$f" 2>/dev/null) in end) break ;; esac
  i=$((i + 1))
  sleep 0.05
done
[ -s "$f" ] || { echo 'nothing came of it' >&2; exit 1; }
cat "$f"
rm -f "$f"`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`who answers for the addresses could not be asked: ${stderr.trim()}`);
    if (!/^end$/m.test(stdout)) return err('the answer about who answers for the addresses was cut short');
    const macs: Record<string, string[]> = {};
    for (const [, address = '', mac = ''] of stdout.matchAll(/^answers (\S+) ([0-9a-f:]{17})$/gm)) {
      macs[address] = [...new Set([...(macs[address] ?? []), mac])];
    }
    const named = (word: string) =>
      [...stdout.matchAll(new RegExp(`^${word} (\\S+)$`, 'gm'))].map(([, address = '']) => address);
    return ok({ macs, unasked: named('unasked'), single: named('single') });
  },
};

/** Begins the asking, so that the waiting for answers goes on beside the other questions. Goes before all others. */
export function startAnsweringProbe(cluster: Cluster): Probe<null> {
  const addresses = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  return {
    key: 'answering-start',
    script: joinCommands([
      interpreted('arp', { python: ASK_PYTHON, perl: ASK_PERL }, 3),
      sh`device() {
  held=$(ip -o addr show to "$1" | sed -n 's/^[0-9]*: \([^ @]*\).*/\1/p' | grep -vx lo | sed -n 1p)
  if [ -n "$held" ]; then echo "$held"; else ip -o route get "$1" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | grep -vx lo; fi
}
knock() {
  if [ -n "$(ip -o addr show to "$1")" ]; then echo "unasked $1"; return; fi
  echo "single $1"
  ip neigh flush to "$1" dev "$2" >/dev/null 2>&1
  timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/9"' "$1" >/dev/null 2>&1 &
  i=0
  while [ $i -lt 20 ]; do
    mac=$(ip neigh show to "$1" dev "$2" | sed -n 's/.*lladdr \([0-9a-f:]*\) .*/\1/p')
    [ -z "$mac" ] || { echo "answers $1 $mac"; return; }
    i=$((i + 1))
    sleep 0.05
  done
}
all() {
set --
others=
for vip in ${addresses}; do
  dev=$(device "$vip")
  case "$dev $vip" in
    \ *) echo "unasked $vip" ;;
    *:*) others="$others $vip=$dev" ;;
    *) set -- "$@" "$vip=$dev" ;;
  esac
done
if [ $# -gt 0 ]; then
  if ! answers=$(arp ${WAIT} "$@" 2>/dev/null); then others="$* $others"; answers=; fi
  echo "$answers"
fi
for pair in $others; do knock "\${pair%%=*}" "\${pair#*=}" & done
wait
echo end
}
umask 077
all >/run/lbctl-answers.$m 2>/dev/null </dev/null &
exit 0`,
    ]),
    parse: () => ok(null),
  };
}
