import { atTheEnd, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { KEEPALIVED_CONF } from '../render/platform.js';
import { keepalivedProbe } from './probes/keepalived.js';
import type { Step } from './types.js';

/** Appended to the name of keepalived.conf as it is to be, while keepalived reads another. */
export const KEPT_SUFFIX = '.lbctl-kept';

/** Of keepalived's dump, in either form, one line for each instance that it runs as an address owner: a MASTER of priority 255. */
export const OWNED = sh`grep -oE '"base_priority":255\b|^ +Priority = 255'`;

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
kept=$conf${KEPT_SUFFIX}
# Dated now: should nobody come to the reload, the next run sees that the process runs by something else.
${atTheEnd(sh`mv -f "$kept" "$conf" && touch "$conf"`)}
cp -p "$conf" "$kept" && sed -i 's/^\( *priority\) [0-9]*$/\1 255/; s/^\( *state\) BACKUP$/\1 MASTER/' "$conf" || exit 1
# In the background: a shell that waits for a program looks at no signal before that ends, and this one may hang.
timeout -k 5 60 systemctl ${verb} keepalived & wait $! || exit 1
ask() {
${keepalivedProbe.script}
}
i=0
while [ $i -lt 30 ]; do
  i=$((i + 1))
  answer=$( ( ask ) 2>&1 )
  read=$(printf '%s\n' "$answer" | ${OWNED} | wc -l)
  held=$(printf '%s\n' "$answer" | grep -oE '"state":2\b|^ +State = MASTER' | wc -l)
  [ "$read" -lt ${instances} ] || [ "$held" -lt ${instances} ] || break
  sleep 0.05
done
exit 0`,
  };
}
