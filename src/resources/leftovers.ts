import { type Command, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';

/** A keepalived that was killed has left its addresses on the host, and one that does not run takes none away. */
export function withoutLeftovers({ vrrpInstances }: Cluster): Command {
  const addresses = vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  return sh`for a in ${addresses}; do
  ip -o addr show to "$a" | while read -r number device family cidr rest; do
    ip addr del "$cidr" dev "$device" || exit 1
  done
done`;
}
