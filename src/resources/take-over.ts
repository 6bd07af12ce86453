import { sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { KEEPALIVED_CONF } from '../render/platform.js';
import { keepalivedProbe } from './probes/keepalived.js';
import type { Step } from './types.js';

/**
 * An instance that starts anew waits three adverts before it takes its addresses: three seconds without service.
 * The address owner of VRRP, a MASTER of priority 255, does not wait. So keepalived reads the new file with that
 * first; the reload that follows reads it as it is, which moves nothing. Only for a host whose peers are down.
 */
export function takeOverStep(cluster: Cluster): Step {
  return ownerStep(cluster, { verb: 'reload', title: 'take the addresses over at once' });
}

/** The same for a keepalived that does not run: to be followed by a reload. */
export function startAsHolder(cluster: Cluster): Step {
  return ownerStep(cluster, {
    verb: 'restart',
    title: 'start keepalived, which takes the addresses at once',
  });
}

function ownerStep(cluster: Cluster, { verb, title }: { verb: 'reload' | 'restart'; title: string }): Step {
  const instances = cluster.vrrpInstances.length;
  return {
    title,
    limit: 90,
    script: sh`conf=${KEEPALIVED_CONF}
trap 'trap "" HUP INT TERM; mv -f "$conf.lbctl-kept" "$conf"' EXIT
cp -p "$conf" "$conf.lbctl-kept" && sed -i 's/^\( *priority\) [0-9]*$/\1 255/; s/^\( *state\) BACKUP$/\1 MASTER/' "$conf" || exit 1
timeout -k 5 60 systemctl ${verb} keepalived || exit 1
ask() {
${keepalivedProbe.script}
}
i=0
while [ $i -lt 30 ]; do
  i=$((i + 1))
  answer=$( ( ask ) 2>&1 )
  read=$(printf '%s\n' "$answer" | grep -oE '"base_priority":255\b|^ +Priority = 255' | wc -l)
  held=$(printf '%s\n' "$answer" | grep -oE '"state":2\b|^ +State = MASTER' | wc -l)
  [ "$read" -lt ${instances} ] || [ "$held" -lt ${instances} ] || break
  sleep 0.05
done
exit 0`,
  };
}
