import { atTheEnd, type Command, raw, sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { KEEPALIVED_CONF, TRACK_FILES } from '../render/platform.js';
import { lingerFunctions, timings } from '../render/takeover-script.js';
import { DRAIN_FUNCTIONS, DRAIN_SECONDS } from './drain.js';
import { fenceScript, whileLocked } from './lock.js';

/** keepalived takes a sum as low as this for FAULT, whatever the weight: it gives its addresses away at once. */
const FAULT = -254;

/** The exit code of a host whose keepalived does not watch the file. */
export const NOT_WATCHED = 76;

/** Seconds that a script may take. */
export function moveLimit(cluster: Cluster): number {
  return Math.ceil(timings(cluster).outbid) + 30;
}

/** Without preemption nobody outbids the holder: it has to let go, which costs nothing since it lingers. */
export function letsGo(cluster: Cluster): boolean {
  return cluster.vrrpInstances.some((it) => !it.preempt || it.preemptDelay > 0);
}

const WATCHED = sh`file=${TRACK_FILES.switchover.path}
grep -qF "$file" ${KEEPALIVED_CONF} && [ -e "$file" ] || { echo 'keepalived on this host does not watch for a switchover' >&2; exit ${NOT_WATCHED}; }`;

/** `steps` of 50 ms until `test` fails. */
function waitWhile(test: Command, seconds: number): Command {
  return sh`i=0
while ${test} && [ $i -lt ${Math.round(seconds * 20)} ]; do
  sleep 0.05
  i=$((i + 1))
done`;
}

function locked(token: string, script: Command): Command {
  return sh`(
${fenceScript(token)}
) || exit $?
${whileLocked(token, script)}`;
}

/** Until the script ends, however it does: a drain that was left on would ask every client to close for ever. */
const DRAINED = sh`settle_move() { :; }
${atTheEnd(sh`settle_move; drain del`)}
if drain add; then sleep ${DRAIN_SECONDS}; else echo 'not drained: HAProxy cannot be asked to close connections' >&2; fi`;

/** Drains, looks worse by `value`, and waits until the addresses have left. Where they do not leave, all is as before. */
export function leaveScript(cluster: Cluster, token: string, value: number): Command {
  const { leave, settle, planned, outbid } = timings(cluster);
  const write = (number: number) => sh`echo ${number} >"$file"`;
  const move = letsGo(cluster)
    ? sh`# Ended in the middle: FAULT must not stay, or this host would take nothing over any more.
settle_move() {
  [ "$(cat "$file")" = ${FAULT} ] || return 0
  if [ -n "$(held)" ]; then echo "\${old:-0}" >"$file"; else ${write(value)}; fi
}
linger ${planned}
${write(FAULT)}
${waitWhile(sh`[ -n "$(held)" ]`, leave)}
sleep ${settle.toFixed(2)}
end_linger
[ -n "$(held)" ] || ${write(value)}`
    : sh`${write(value)}
${waitWhile(sh`[ -n "$(held)" ]`, outbid + 3)}`;
  return locked(
    token,
    sh`${raw(lingerFunctions(cluster))}
${DRAIN_FUNCTIONS}
${WATCHED}
old=$(cat "$file")
if [ -z "$(held)" ]; then ${write(value)}; exit 0; fi
${DRAINED}
${move}
[ -n "$(held)" ] || exit 0
echo "\${old:-0}" >"$file"
echo 'the virtual addresses did not leave this host: nobody took them over' >&2
exit 1`,
  );
}

/** On a host that may lose addresses: drains it and waits until it has lost some, or nothing has moved for long enough. */
export function holdUntilGoneScript(cluster: Cluster, token: string): Command {
  return locked(
    token,
    sh`${raw(lingerFunctions(cluster))}
${DRAIN_FUNCTIONS}
before=$(held)
[ -n "$before" ] || exit 0
${DRAINED}
${waitWhile(sh`[ "$(held)" = "$before" ]`, letsGo(cluster) ? 0 : timings(cluster).outbid + 1)}`,
  );
}

/**
 * Bids one more than its priority until it holds all addresses, then its priority again: whoever has the same gives way, and does
 * not come back.
 */
export function outbidScript(cluster: Cluster, token: string): Command {
  const all = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress).length;
  return locked(
    token,
    sh`${raw(lingerFunctions(cluster))}
${WATCHED}
missing() { [ "$(held | wc -l)" -lt ${all} ]; }
[ "$(cat "$file")" = 0 ] && missing || exit 0
${atTheEnd(sh`echo 0 >"$file"`)}
echo 1 >"$file"
${waitWhile(raw('missing'), timings(cluster).outbid + 3)}
sleep 0.2
! missing || { echo 'the virtual addresses did not come to this host' >&2; exit 1; }`,
  );
}

/** Full priority again, once those that hold the addresses have been drained. */
export function returnScript(cluster: Cluster, token: string): Command {
  return locked(
    token,
    sh`${WATCHED}
[ "$(cat "$file")" != 0 ] || exit 0
${letsGo(cluster) ? raw(':') : sh`sleep ${DRAIN_SECONDS}`}
echo 0 >"$file"`,
  );
}
