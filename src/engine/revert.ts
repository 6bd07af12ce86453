import { atTheEnd, type Command, joinCommands, raw, sh } from '../base/shell.js';
import type { Batch, HostWork } from '../planning/types.js';
import { GENERATIONS, KEPT, PUT_BACK, SAME } from '../resources/kept.js';
import { armScript } from './dead-man.js';
import { aliveScript, releaseSeizedScript, STEP, seizeScript } from './lock.js';

/** The name of the switch that a change is made under. */
export const CHANGE = 'change';

/** Seconds without a sign of life from the operator after which a host goes back by itself. */
export const REVERT_AFTER = 45;

/** Seconds that the host waits for a step which began since it looked. */
const STEP_PATIENCE = 600;

export interface RevertRun {
  /** The lock's. */
  readonly token: string;
  /** The generation that the run keeps. */
  readonly number: number;
  /** Seconds. */
  readonly after: number;
}

type Service = 'haproxy' | 'keepalived';

/**
 * Whether a host's part of a batch is made under the switch: what changes a service's files or how it runs. Changes
 * that hosts make together are not, down to the last start: there one host alone must never go back; keepalived of the
 * standby stays stopped.
 */
export function armedServices({ flip }: Pick<Batch, 'flip'>, work: HostWork): Service[] {
  if (flip === true) return [];
  const services: Service[] = ['haproxy', 'keepalived'];
  return services.filter((service) => work.items.some(({ resource }) => touches(resource, service)));
}

function touches(resource: string, service: Service): boolean {
  if (resource.endsWith(` ${service}`) || resource.endsWith(`:${service}`)) return true;
  if (resource === `${service}_config`) return true;
  return service === 'keepalived' && resource === 'check_script';
}

/** Arms the switch on one host for what is about to change there. */
export function armChangeScript(services: readonly Service[], run: RevertRun): Command {
  return armScript({
    name: CHANGE,
    owner: run.token,
    seconds: run.after,
    undo: revertScript(services, run),
    // The operator's heartbeat renews the lock; a step that runs, a package manager for example, is not cut across.
    unless: sh`( ${aliveScript(run.token, run.after)}
) || { [ -e ${STEP} ] && ! flock -n ${STEP} true; }`,
  });
}

/**
 * What the host does when its operator is gone: from the copies on it alone. It takes the operator's lock over, so that
 * nobody else changes the cluster meanwhile; where the lock is somebody else's by now, it leaves everything to them. To
 * everybody else it is a step: however long a restart takes, no lock grows too old meanwhile.
 */
function revertScript(services: readonly Service[], { token, number }: RevertRun): Command {
  return sh`say() { echo "$*"; command -v logger >/dev/null && logger -t lbctl "$*"; return 0; }
exec 8>>${STEP}
flock -w ${STEP_PATIENCE} 8 || { say 'not reverted: a step is still running on this host'; exit 0; }
kept=${GENERATIONS}/${number}
[ -d "$kept" ] || kept=${GENERATIONS}/0
# Kept and armed ahead of its turn, which has not come: the lock stays whose it is.
if grep -qx waits=yes "$kept/run" 2>/dev/null && grep -qx number=${number} "$kept/run" && [ ! -e "$kept/begun" ]; then
  say 'not reverted: nothing was changed by that run'
  exit 0
fi
( ${seizeScript(token)} ) || { say 'not reverted: the cluster is locked by somebody else or no longer'; exit 0; }
give_back() (
${releaseSeizedScript(token)}
)
${atTheEnd(raw('give_back'))}
[ "$(sed -n 's/^number=//p' "$kept/run")" = ${number} ] || { say 'not reverted: nothing was kept by that run'; exit 0; }
${PUT_BACK}
${SAME}
was() { sed -n "s/^$1=//p" "$kept/states"; }
# 0: the file had to be put back or taken away; 1: it is as it was; 2: neither.
back() {
  if [ -e "$kept/files$1" ] || [ -L "$kept/files$1" ]; then
    if same "$kept/files$1" "$1"; then return 1; fi
    put_back "$kept" "$1" || return 2
  elif grep -qxF "$1" "$kept/missing" && [ -e "$1" ]; then
    take_away "$1" || return 2
  else
    return 1
  fi
}
failed=
# In whatever state it is: enabled and running as it was. By files of which one could not be put back it goes on as it is.
service() {
  systemctl daemon-reload
  case $(was "$1.ActiveState") in
    active | reloading | activating)
      if ! systemctl is-active -q "$1"; then timeout -k 5 90 systemctl restart "$1"
      elif [ "$2" = changed ]; then timeout -k 5 90 systemctl reload "$1" || timeout -k 5 90 systemctl restart "$1"
      fi ;;
    *) if [ "$(was "$1.LoadState")" = not-found ]; then timeout -k 5 90 systemctl disable --now "$1"; fi ;;
  esac
}
${joinCommands(services.map(revertService))}
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
if [ -n "$failed" ]; then
  echo "revert_failed=$now" >>"$kept/run"
  say ${`the operator was not heard of for too long: could not go back to what was kept before run ${number}:`}"$failed"
  exit 1
fi
echo "reverted=$now" >>"$kept/run"
say ${`the operator was not heard of for too long: went back to what was kept before run ${number}`}`;
}

/** Succeeds where the host has gone back by itself in that run, or has tried to. */
export function revertedScript(number: number): Command {
  return sh`kept=${GENERATIONS}/${number}
[ -d "$kept" ] || kept=${GENERATIONS}/0
[ "$(sed -n 's/^number=//p' "$kept/run")" = ${number} ] && grep -Eq '^revert(ed|_failed)=' "$kept/run"`;
}

function revertService(service: Service): Command {
  return sh`changed=same
for p in ${KEPT[service]}; do
  back "$p"
  case $? in
    0) [ "$changed" = failed ] || changed=changed ;;
    2) changed=failed; failed="$failed $p" ;;
  esac
done
service ${service} "$changed"`;
}
