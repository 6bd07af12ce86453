import { type Command, raw, sh } from '../base/shell.js';
import type { Check, Cluster } from '../inventory/model.js';
import { MONITOR_STATS_URI, MONITOR_URI } from '../render/haproxy.js';
import { HAPROXY_CFG, KEEPALIVED_CONF } from '../render/platform.js';
import { portsFree } from './ports-free.js';
import { keepalivedProbe } from './probes/keepalived.js';
import { OWNED } from './take-over.js';
import type { HANDLERS, HandlerName, Step } from './types.js';

/** Seconds that HAProxy may take from the reload until its new process answers. */
const RELOAD_LIMIT = 15;

/** Succeeds when HAProxy's monitor answers 200 on loopback. */
export function monitorAnswers(check: Check): Command {
  return sh`timeout 1 bash -c 'exec 2>/dev/null; exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 1
printf "GET %s HTTP/1.0\r\n\r\n" "$1" | cat >&3; read -r line <&3; case $line in *" 200 "*) exit 0;; esac; exit 1' ${check.port} ${MONITOR_URI}`;
}

/** A file "from the future" (the clock was set back) would look newer than every later reload: it is dated now. */
function notFromTheFuture(path: string): Command {
  return sh`if [ "$(stat -c %Y ${path})" -gt "$(date +%s)" ]; then touch ${path}; fi`;
}

/** Prints, as its last word, the number of the process that answers on the monitor's port: HAProxy's statistics name it. */
function answeringProcess(check: Check): Command {
  return sh`timeout 1 bash -c 'exec 2>/dev/null; exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 1
printf "GET %s HTTP/1.0\r\n\r\n" "$1" | cat >&3; grep -om1 "pid = </b> [0-9]*" <&3' ${check.port} ${MONITOR_STATS_URI}`;
}

/** Seconds after which HAProxy is asked even where no new process of it is to be seen. */
const PROCESS_LIMIT = 1;

/**
 * Succeeds where `systemctl reload` would do nothing but check the file and signal the process, and the process reads no other
 * files than those that were checked a moment ago. That check and systemd's way take longer than HAProxy's reload itself.
 * `$unit`: what systemctl shows; `$pid`: the master process.
 */
const ONLY_SIGNALS = sh`set -f
case $unit in *ActiveState=active* | *ActiveState=reloading*) ;; *) exit 1 ;; esac
case $unit in *ExecReload=*ExecReload=*ExecReload=*) exit 1 ;; esac
case $unit in
  *'ExecReload={ path='*'/haproxy ; argv[]='*' -c '*'ExecReload={ path='*'/kill ; argv[]='*' -USR2 $MAINPID ;'*) ;;
  *) exit 1 ;;
esac
confdir=
case $unit in *CFGDIR=*) confdir=\${unit##*CFGDIR=}; confdir=\${confdir%%[!A-Za-z0-9/._-]*} ;; esac
before=
for word in $(tr '\0' '\n' <"/proc/$pid/cmdline"); do
  case $before in -f) [ "$word" = ${HAPROXY_CFG} ] || [ "$word" = "$confdir" ] || exit 1 ;; esac
  case $word in -C | --) exit 1 ;; esac
  before=$word
done
[ -n "$before" ]`;

/** What is known of the HAProxy that is to be reloaded. */
export interface Reloading {
  /** The program has just checked what it is to read, on the host, where the same work has just written it. */
  readonly checked: boolean;
  /** The process of `unit` listens already wherever it is going to: no port has to be free. */
  readonly bound?: boolean;
  /** What systemd says of the unit (`ServiceFacts.reload`), for as long as its process runs; else all is asked anew. */
  readonly unit?: string | undefined;
}

/**
 * `systemctl reload` says 0 although HAProxy could not bind and goes on without a worker, and the old worker answers
 * until the new one is ready: so wait until a worker that was not there before answers.
 */
function reloadHaproxy(cluster: Cluster, { checked, bound = false, unit = '' }: Reloading): Step {
  const { check } = cluster;
  const reload = sh`timeout -k 5 60 systemctl reload haproxy || exit $?`;
  return {
    title: 'reload haproxy',
    limit: 90,
    script: sh`unit=${unit}
main() { pid=\${unit##*MainPID=}; pid=\${pid%%[!0-9]*}; }
main
{ read -r name <"/proc/\${pid:-none}/comm"; } 2>/dev/null
seen=yes
if [ "\${name:-}" != haproxy ]; then
  seen=
  unit=$(systemctl show haproxy -p MainPID -p ActiveState -p Environment -p ExecReload) || exit $?
  main
fi
[ "\${pid:-0}" != 0 ] || { echo 'haproxy does not run' >&2; exit 1; }
children() { read -r all <"/proc/$pid/task/$pid/children" || [ -n "$all" ]; }
all=
children 2>/dev/null
before=" $all "
if [ -z "$seen" ] || ${raw(bound ? 'false' : 'true')}; then
${portsFree(cluster)}
fi
${
  checked
    ? sh`( ${ONLY_SIGNALS} ) && kill -USR2 "$pid" || { ${reload}; }`
    : sh`${notFromTheFuture(HAPROXY_CFG)}
${reload}`
}
# It is hardly there sooner, and every look takes processor time that its start needs.
sleep 0.03
i=0
while [ $i -lt ${RELOAD_LIMIT * 80} ]; do
  i=$((i + 1))
  # The new worker is there as a process before it answers; asking it takes half a dozen processes.
  all=
  children 2>/dev/null
  [ "$before" != " $all " ] || [ $i -gt ${PROCESS_LIMIT * 80} ] || { sleep 0.01; continue; }
  who=$(${answeringProcess(check)})
  who=\${who##* }
  case $before in *" \${who:-nobody} "*) ;; *) [ -z "$who" ] || exit 0 ;; esac
  sleep 0.01
done
echo ${`HAProxy took the reload but no new process of it serves after ${RELOAD_LIMIT} s`} >&2
journalctl -u haproxy -n 15 --no-pager -o cat >&2
exit 1`,
  };
}

/** keepalived dies on a reload with an interface that is not there: look that it lives on. */
const LIVES_ON = sh`i=0
while [ $i -lt 5 ]; do
  i=$((i + 1))
  sleep 0.1
  if [ "$(systemctl show keepalived -p MainPID --value)" != "$pid" ]; then
    echo 'keepalived died on the reload' >&2
    journalctl -u keepalived -n 15 --no-pager -o cat >&2
    exit 1
  fi
done`;

/** It has just run by the same file but for the priority of an address owner: wait until it has read that away. */
const NO_OWNER = sh`ask() {
${keepalivedProbe.script}
}
i=0
while [ $i -lt 40 ]; do
  i=$((i + 1))
  ( ask ) 2>&1 | ${OWNED} >/dev/null || break
  sleep 0.05
done`;

function reloadKeepalived(checked: boolean): Step {
  return {
    title: 'reload keepalived',
    limit: 90,
    script: sh`pid=$(systemctl show keepalived -p MainPID --value)
[ -s ${KEEPALIVED_CONF} ] || { echo ${`${KEEPALIVED_CONF} is empty: keepalived would drop its addresses`} >&2; exit 1; }
${notFromTheFuture(KEEPALIVED_CONF)}
timeout -k 5 60 systemctl reload keepalived || exit $?
${checked ? NO_OWNER : LIVES_ON}`,
  };
}

/** @param reloading of keepalived `checked` alone counts: it runs by what it is to read but for a priority */
export function handlerStep(
  name: HandlerName,
  cluster: Cluster,
  reloading: Reloading = { checked: false },
): Step {
  switch (name) {
    case 'reload haproxy':
      return reloadHaproxy(cluster, reloading);
    case 'reload keepalived':
      return reloadKeepalived(reloading.checked);
    default:
      return ownHandler(name);
  }
}

/** The service whose start makes a handler superfluous. */
export function handlerService(name: HandlerName): string {
  return name.slice(name.indexOf(' ') + 1);
}

/** Seconds that systemctl may take; a unit's own default for a start or a stop is 90. */
const OWN_LIMIT = 120;

/**
 * For a service of an operator's own. One that does not run is left alone: its task starts it. systemctl says 0
 * although a simple service dies at once: so look that it lives on.
 */
function ownHandler(name: Exclude<HandlerName, (typeof HANDLERS)[number]>): Step {
  const service = handlerService(name);
  const verb = name.startsWith('reload ') ? 'reload' : 'restart';
  return {
    title: name,
    limit: OWN_LIMIT + 20,
    script: sh`systemctl is-active -q ${service} || exit 0
[ "$(systemctl show ${service} -p NeedDaemonReload --value)" != yes ] || timeout -k 5 60 systemctl daemon-reload
timeout -k 5 ${OWN_LIMIT} systemctl ${verb} ${service} || exit $?
sleep 0.3
systemctl is-active -q ${service} && exit 0
echo ${`${service} does not run any more after the ${verb}`} >&2
journalctl -u ${service} -n 15 --no-pager -o cat >&2
exit 1`,
  };
}

/** systemd runs by what it read last: a changed unit file counts only after this. */
export const DAEMON_RELOAD: Step = {
  title: 'systemctl daemon-reload',
  script: sh`timeout -k 5 60 systemctl daemon-reload`,
  limit: 70,
  rereadsUnits: true,
};
