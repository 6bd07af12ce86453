import { sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { KEEPALIVED_CONF } from '../render/platform.js';
import type { Step } from './types.js';

/**
 * An instance that starts anew waits three adverts before it takes its addresses: three seconds without service.
 * The address owner of VRRP, a MASTER of priority 255, does not wait. So keepalived reads the new file with that
 * first; the reload that follows reads it as it is, which moves nothing. Only for a host whose peers are down.
 */
export function takeOverStep(cluster: Cluster): Step {
  const addresses = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  return {
    title: 'take the addresses over at once',
    limit: 90,
    script: sh`conf=${KEEPALIVED_CONF}
trap 'mv -f "$conf.lbctl-kept" "$conf"' EXIT
cp -p "$conf" "$conf.lbctl-kept" && sed -i 's/^\( *priority\) [0-9]*$/\1 255/; s/^\( *state\) BACKUP$/\1 MASTER/' "$conf" || exit 1
timeout -k 5 60 systemctl reload keepalived || exit 1
i=0
while [ $i -lt 60 ]; do
  i=$((i + 1))
  held=yes
  for a in ${addresses}; do [ -n "$(ip -o addr show to "$a")" ] || held=; done
  [ -z "$held" ] || break
  sleep 0.05
done
exit 0`,
  };
}
