import type { Cluster } from '../inventory/model.js';
import { GENERATED, TRACK_FILES } from './platform.js';

/** Seconds that a host goes on serving after an address has left it, at least: until clients know the new host. */
const SETTLE = 0.2;

/** Seconds that a stop waits for the addresses to leave, where a mark means FAULT: keepalived acts in milliseconds. */
const LEAVE = 0.5;

export interface Timings {
  /** Seconds that a planned stop of HAProxy waits for the addresses to leave. */
  readonly leave: number;
  /** Seconds that it serves on after that: the slowest host's skew, by which it takes over after "I leave". */
  readonly settle: number;
  /** Whole seconds that addresses linger over a planned stop, and over a crash of keepalived. */
  readonly planned: number;
  readonly crash: number;
  /** Seconds until a host takes over from one that only looks worse. */
  readonly outbid: number;
}

export function timings(cluster: Cluster): Timings {
  const instances = cluster.vrrpInstances.map(({ advertInt, priority }) => ({
    silence: 3 * advertInt,
    skew: ((256 - Math.min(...Object.values(priority))) / 256) * advertInt,
  }));
  const skew = Math.max(...instances.map((it) => it.skew));
  const silence = Math.max(...instances.map((it) => it.silence));
  // With a negative weight the host only looks worse: the other one waits out three adverts before it takes over.
  const leave = cluster.check.weight === 0 ? LEAVE : silence + skew + LEAVE;
  const settle = Math.max(SETTLE, skew + 0.1);
  return {
    leave,
    settle,
    planned: Math.ceil(leave + settle) + 1,
    crash: Math.ceil(silence + settle + 0.5),
    outbid: silence + skew,
  };
}

/**
 * What systemd runs when HAProxy or keepalived starts, stops or dies (the drop-ins say when). It tells keepalived of a
 * stop of HAProxy before it happens, and lets a host that loses its addresses serve on until the other one has them:
 * they "linger" on lo, where they take packets but are not announced, with a life time after which the kernel itself
 * removes them. So neither can be left behind: the marks are below /run, are set to 0 by every start of HAProxy, and the
 * check of HAProxy mends one that is not true.
 */
export function renderTakeoverScript(cluster: Cluster): string {
  const { leave, settle, planned, crash } = timings(cluster);
  return `#!/bin/sh
${GENERATED}
# usage: lbctl-takeover haproxy|keepalived prepare|start-pre|start-post|stop|stop-post
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 022
down=${TRACK_FILES.down.path}
switchover=${TRACK_FILES.switchover.path}
state=/run/lbctl
service=$1
${BODY.replace('@FUNCTIONS@', lingerFunctions(cluster))
  .replaceAll('@LEAVE@', String(Math.round(leave * 20)))
  .replaceAll('@SETTLE@', settle.toFixed(2))
  .replaceAll('@PLANNED@', String(planned))
  .replaceAll('@CRASH@', String(crash))
  .replaceAll('@NOW@', '${now%.*}')}`;
}

/**
 * Shell functions: `held` (what this host holds, "ADDRESS INTERFACE ADDRESS/PREFIX" a line), `linger SECONDS`, `lingering`
 * and `end_linger`.
 */
export function lingerFunctions(cluster: Cluster): string {
  const vips = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  return `vips='${vips.join(' ')}'\n\n${FUNCTIONS}`;
}

const FUNCTIONS = `# "ADDRESS INTERFACE ADDRESS/PREFIX", a line each: what this host holds now.
held() {
  for v in $vips; do
    ip -o addr show to "$v" 2>/dev/null | while read -r n dev family own more; do
      [ "$dev" = lo ] || echo "$v $dev $own"
    done
  done
}

# Whatever happens to this script, the kernel ends it after $1 seconds. The route that it makes for an IPv6 address it would
# leave behind: this host could not reach the address any more where another one has it.
linger() {
  held | while read -r v dev own; do
    case $v in *:*) as="$v/128 noprefixroute" ;; *) as=$v/32 ;; esac
    ip addr replace $as dev lo valid_lft "$1" preferred_lft "$1"
  done
}

lingering() {
  for v in $vips; do ip -o addr show dev lo to "$v" 2>/dev/null | grep ' dynamic '; done
}

end_linger() {
  lingering | while read -r n dev family own more; do ip addr del "$own" dev lo 2>/dev/null; done
}`;

const BODY = `
# Without a main process a stop is not a planned one: it has died, and every millisecond counts.
[ "$2" != stop ] || [ -n "$MAINPID" ] || exit 0
[ -d "$state" ] || mkdir -p "$state"
read -r now rest </proc/uptime
now=@NOW@

# A file is written where it stands: keepalived watches for that, and it keeps its SELinux type.
mark() {
  old=
  { read -r old <"$down"; } 2>/dev/null
  [ "$old" = "$1" ] || echo "$1" >"$down"
}

@FUNCTIONS@

drop_held() {
  held | while read -r v dev own; do ip addr del "$own" dev "$dev"; done
}

# When HAProxy died, the last three times, in seconds of uptime, the latest first: in $c1 $c2 $c3. Everything on the way of a crash
# is done by the shell itself: a client waits for the new process.
crashes() {
  c1= c2= c3=
  { read -r c1 c2 c3 more <"$state/haproxy.crashes"; } 2>/dev/null
}

within() { # SECONDS UPTIME
  [ -n "$2" ] && [ $((now - $2)) -le "$1" ]
}

# Whether the service is up: a file with something in it.
started() {
  echo 1 >"$state/$service.runs"
  [ ! -s "$state/$service.failed" ] || true >"$state/$service.failed"
}

ran() { [ -s "$state/$service.runs" ]; }

over() { [ ! -s "$state/$service.runs" ] || true >"$state/$service.runs"; }

# A start that fails is tried again at once, the next ones after a second each.
failed_start() {
  n=0
  { read -r n <"$state/$service.failed"; } 2>/dev/null
  n=\${n:-0}
  echo $((n + 1)) >"$state/$service.failed"
  [ "$n" = 0 ] || sleep 1
}

case $service-$2 in
  *-prepare | *-start-pre)
    if [ "$2" = start-pre ]; then over; fi
    for f in "$down" "$switchover"; do
      [ ! -s "$f" ] || continue
      echo 0 >"$f"
      if command -v restorecon >/dev/null; then restorecon "$f"; fi
    done
    if [ "$2" = prepare ]; then
      # Both may run since before systemd knew of this script.
      for s in haproxy keepalived; do
        if systemctl -q is-active "$s"; then echo 1 >"$state/$s.runs"; fi
      done
    fi
    # keepalived reads the marks only now: one that is not true must not keep it from the addresses.
    if [ "$service" = keepalived ] && systemctl -q is-active haproxy; then mark 0; fi
    ;;
  haproxy-start-post)
    # One that dies again and again is not trusted with the addresses at once.
    crashes
    if within 15 "$c3"; then sleep 5; fi
    started
    mark 0
    ;;
  keepalived-start-post)
    started
    ;;
  haproxy-stop)
    if [ -n "$(held)" ]; then
      echo 'the virtual addresses leave this host before HAProxy stops'
      linger @PLANNED@
      mark 1
      i=0
      while [ $i -lt @LEAVE@ ] && [ -n "$(held)" ]; do
        sleep 0.05
        i=$((i + 1))
      done
      sleep @SETTLE@
      end_linger
    fi
    mark 1
    ;;
  haproxy-stop-post)
    if ! ran; then
      [ "$SERVICE_RESULT" = success ] || { mark 1; failed_start; }
    elif [ "$SERVICE_RESULT" != success ]; then
      crashes
      echo "$now $c1 $c2" >"$state/haproxy.crashes"
      # One crash moves nothing: the new process is there before anybody else could be.
      if within 5 "$c1" || within 15 "$c2"; then mark 1; fi
    fi
    over
    ;;
  keepalived-stop)
    linger @PLANNED@
    ;;
  keepalived-stop-post)
    if ! ran; then
      [ "$SERVICE_RESULT" = success ] || failed_start
    elif [ "$SERVICE_RESULT" != success ]; then
      # It died and left the addresses here. Nobody else has them before three adverts are missing, and a new
      # process needs as long: HAProxy serves on meanwhile.
      linger @CRASH@
      drop_held
    elif [ -n "$(lingering)" ]; then
      sleep @SETTLE@
      end_linger
    fi
    over
    ;;
esac
exit 0
`;
