import { type Command, sh } from '../base/shell.js';
import { STATE_DIR } from '../render/platform.js';
import { FREE_KEEPALIVED, TIDY_UP } from './tidy.js';

export interface LockOwner {
  /** Random; what tells one run from another. */
  readonly token: string;
  /** user@machine */
  readonly who: string;
  readonly command: string;
  /** ISO 8601, by the owner's clock. */
  readonly since: string;
}

export interface LockHolder {
  readonly who: string;
  readonly command: string;
  readonly since: string;
  /** Seconds since the owner last renewed it, by the host's uptime. */
  readonly age: number;
  /** One of the owner's steps is still running on the host. */
  readonly stepRuns: boolean;
}

/** What a drill writes into its lock. It leaves nothing for a next run to finish: what it broke the host itself mends. */
export const DRILL_COMMAND = 'lbctl drill';

/** Seconds after which a lock that nobody renews is free, and how often its owner renews it. */
export const LOCK_TTL = 60;
export const LOCK_HEARTBEAT = 15;

export const LOCK = `${STATE_DIR}/lock`;
/** Every step holds it (flock, shared) while it runs: who takes the lock waits for the one that is under way. */
export const STEP = `${STATE_DIR}/lock.step`;
/** The token of whoever had the lock last: who finds the same one later knows that nobody had it in between. */
export const LAST = `${STATE_DIR}/lock.last`;

/** Seconds to wait for a step of the owner before; most are shorter. */
const STEP_PATIENCE = 2;

/** The exit code of scripts below where the lock is somebody else's. */
export const LOCKED_EXIT = 75;

/** What they say where somebody else took our lock, or it was released. */
export const LOCK_LOST = 'the lock of this host is no longer ours';

/**
 * The age of a lock counts from the host's uptime, which no clock change moves. After a reboot its owner has
 * one lifetime to renew it. The shell reads the lock itself: before every change other programs would take longer than all the rest.
 */
export const LOCK_FUNCTIONS = sh`lock=${LOCK}
value() {
  while IFS= read -r line; do
    case $line in "$1="*) printf '%s\n' "\${line#*=}"; break ;; esac
  done 2>/dev/null <"$lock"
  return 0
}
read -r up rest </proc/uptime
up=\${up%%.*}
read -r boot </proc/sys/kernel/random/boot_id
age() {
  renewed=$(value renewed)
  [ "$(value boot)" = "$boot" ] || renewed=0
  echo $((up - \${renewed:-0}))
}
guard() {
  [ -d ${STATE_DIR} ] || install -d -m 0700 ${STATE_DIR}
  exec 9>${`${LOCK}.guard`}
  flock -w 10 9 || { echo 'the lock itself is busy' >&2; exit 1; }
}
write() {
  umask 077
  lines() { printf 'token=%s\nwho=%s\ncommand=%s\nsince=%s\nrenewed=%s\nboot=%s\n' "$@" "$up" "$boot"; }
  # cat(1) says why it could not write; the printf of some shells does not.
  { lines "$@" 2>/dev/null >"$lock.new" || lines "$@" | cat >"$lock.new"; } && echo "$1" >"$lock.last" && mv -f "$lock.new" "$lock" || { rm -f "$lock.new"; exit 1; }
}
holder() {
  printf 'who=%s\ncommand=%s\nsince=%s\nage=%s\nstep=%s\n' "$(value who)" "$(value command)" "$(value since)" "$(age)" "$1"
}`;

const LOST = sh`{
  now=$(sed -n 's/^who=\(.*\)/\1 has it/p' ${LOCK} 2>/dev/null)
  printf '%s: %s\n' ${LOCK_LOST} "\${now:-it was released}" >&2
  exit ${LOCKED_EXIT}
}`;

/** Prints the token of whoever had the lock last; nothing where nobody ever had it. */
export const TELL_LAST = sh`[ ! -e ${LAST} ] || IFS= read -r last <${LAST} && echo "last=\${last:-}"`;

/** Takes the lock and tells who had it last, or prints its owner and exits with LOCKED_EXIT. */
export function acquireScript(owner: LockOwner): Command {
  return sh`${LOCK_FUNCTIONS}
guard
last=$(${TELL_LAST}) || last=last=unknown
if [ "$(value token)" != ${owner.token} ]; then
  if [ -s "$lock" ] && [ "$(age)" -lt ${LOCK_TTL} ]; then holder no; exit ${LOCKED_EXIT}; fi
  exec 8>>${STEP}
  flock -w ${STEP_PATIENCE} 8 || { holder yes; exit ${LOCKED_EXIT}; }
  ${TIDY_UP}
fi
write ${owner.token} ${owner.who} ${owner.command} ${owner.since}
echo "$last"`;
}

/** What `acquireScript` and `lastOwnerProbe` tell: a token, or nothing. */
export function parseLast(stdout: string): string {
  return /^last=(.*)$/m.exec(stdout)?.[1] ?? '';
}

/** Before every change: makes sure that the lock is still ours, and renews it. */
export function fenceScript(token: string): Command {
  return sh`${LOCK_FUNCTIONS}
guard
token= who= command= since=
while IFS= read -r line; do
  case $line in
    token=*) token=\${line#*=} ;;
    who=*) who=\${line#*=} ;;
    command=*) command=\${line#*=} ;;
    since=*) since=\${line#*=} ;;
  esac
done 2>/dev/null <"$lock"
[ "$token" = ${token} ] || ${LOST}
write ${token} "$who" "$command" "$since"`;
}

/**
 * A step, run only while the lock is ours. The fence before its batch is not enough: where the link stalls for longer
 * than a lock lives, the batch goes on by itself on the host, and somebody else may begin between two of its steps.
 * The last line keeps a shell there that holds the file while the step runs.
 */
export function whileLocked(token: string, step: Command): Command {
  return sh`exec 8>>${STEP}
flock -s -w 10 8 || ${LOST}
${ownedScript(token)}
(
${step}
) 8>&-
exit $?`;
}

/** Fails where the lock is not ours (any more). */
export function ownedScript(token: string): Command {
  return sh`IFS= read -r held 2>/dev/null <${LOCK} && [ "$held" = ${`token=${token}`} ] || ${LOST}`;
}

/** @param lastly done before, while the lock is still ours; what comes of it is of no account to the release */
export function releaseScript(token: string, lastly: Command = sh`:`): Command {
  return sh`${LOCK_FUNCTIONS}
guard
if [ "$(value token)" = ${token} ]; then
  ( ${lastly}
  )
  ${FREE_KEEPALIVED}
  rm -f "$lock"
fi`;
}

export function parseHolder(stdout: string): LockHolder {
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  return {
    who: value('who') || 'somebody',
    command: value('command'),
    since: value('since'),
    age: Number(value('age')) || 0,
    stepRuns: value('step') === 'yes',
  };
}

/** Succeeds while the owner of the lock shows signs of life: renewed less than so many seconds ago. */
export function aliveScript(token: string, seconds: number): Command {
  return sh`${LOCK_FUNCTIONS}
[ "$(value token)" = ${token} ] && [ "$(age)" -lt ${seconds} ]`;
}

/** For the host itself, whose operator is gone: takes the lock over, or fails where it was given back or is another's. */
export function seizeScript(token: string): Command {
  return sh`${LOCK_FUNCTIONS}
guard
if [ "$(value token)" != ${token} ]; then exit ${LOCKED_EXIT}; fi
write ${`${token}-host`} 'the host itself' 'going back to what was kept' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"`;
}

export function releaseSeizedScript(token: string): Command {
  return releaseScript(`${token}-host`);
}

/** Removes the lock with the folder that it is in, while it is ours; `rest` comes before, under the same guard. */
export function dissolveScript(token: string, rest: Command): Command {
  return sh`${LOCK_FUNCTIONS}
guard
[ "$(value token)" = ${token} ] || ${LOST}
${rest}
rm -rf ${STATE_DIR}`;
}
