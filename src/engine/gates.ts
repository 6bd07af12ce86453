import { type Command, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import type { GateName } from '../playbook/model.js';
import { monitorAnswers } from '../resources/handlers.js';
import { keepalivedProbe } from '../resources/probes/keepalived.js';

/** Seconds that HAProxy may take until its monitor answers. */
const SERVING_LIMIT = 15;

/** The longest advertisement interval of a cluster, in seconds. */
export function longestInterval(cluster: Cluster): number {
  return Math.max(...cluster.vrrpInstances.map((instance) => instance.advertInt));
}

/**
 * Seconds that keepalived may take to leave INIT and FAULT: the check's rises, three adverts and the skew, and
 * as much again.
 */
export function settleLimit(cluster: Cluster): number {
  const { interval, rise, fall, timeout } = cluster.check;
  return Math.ceil((rise + fall) * Math.max(interval, timeout) + 4 * longestInterval(cluster) + 5);
}

/** What a host itself waits for at the end of its batch; null for gates that need the whole cluster. */
export function hostGate(gate: GateName, cluster: Cluster): Command | null {
  switch (gate) {
    case 'haproxy-serving':
      return sh`i=0
while [ $i -lt ${SERVING_LIMIT * 10} ]; do
  i=$((i + 1))
  if ${monitorAnswers(cluster.check)}; then exit 0; fi
  sleep 0.1
done
echo ${`HAProxy's monitor on 127.0.0.1:${cluster.check.port} did not answer within ${SERVING_LIMIT} s`} >&2
systemctl status haproxy --no-pager -l -n 15 >&2
exit 1`;
    case 'keepalived-settled':
      return sh`ask() {
${keepalivedProbe.script}
}
end=$(($(date +%s) + ${settleLimit(cluster)}))
while :; do
  answer=$( ( ask ) 2>&1 )
  all=$(printf '%s\n' "$answer" | grep -oE '"iname"|^ VRRP Instance = ' | wc -l)
  settled=$(printf '%s\n' "$answer" | grep -oE '"state":[12]\b|^ +State = (MASTER|BACKUP)' | wc -l)
  [ "$all" -ge ${cluster.vrrpInstances.length} ] && [ "$settled" -ge "$all" ] && exit 0
  [ "$(date +%s)" -lt "$end" ] || break
  sleep 0.1
done
echo ${`keepalived's instances are not all MASTER or BACKUP after ${settleLimit(cluster)} s`} >&2
printf '%s\n' "$answer" | grep -oE '"iname":"[^"]*"|"state":[0-9]+|VRRP Instance = .*|State = .*' >&2
journalctl -u keepalived -n 15 --no-pager -o cat >&2
exit 1`;
    case 'one-holder-per-vip':
      return null;
  }
}

export function hostGateLimit(gate: GateName, cluster: Cluster): number {
  return gate === 'haproxy-serving' ? SERVING_LIMIT + 20 : settleLimit(cluster) + 20;
}
