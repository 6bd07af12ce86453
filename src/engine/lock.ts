import { type Command, sh } from '../base/shell.js';
import { STATE_DIR } from '../render/platform.js';

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
}

/** Seconds after which a lock that nobody renews is free, and how often its owner renews it. */
export const LOCK_TTL = 60;
export const LOCK_HEARTBEAT = 15;

const LOCK = `${STATE_DIR}/lock`;

/** The exit code of scripts below where the lock is somebody else's. */
export const LOCKED_EXIT = 75;

/**
 * The age of a lock counts from the host's uptime, which no clock change moves. After a reboot its owner has
 * one lifetime to renew it.
 */
const FUNCTIONS = sh`lock=${LOCK}
value() { sed -n "s/^$1=//p" "$lock" 2>/dev/null; }
read -r up rest </proc/uptime
up=$(echo "$up" | sed 's/[.].*//')
boot=$(cat /proc/sys/kernel/random/boot_id)
age() {
  renewed=$(value renewed)
  [ "$(value boot)" = "$boot" ] || renewed=0
  echo $((up - \${renewed:-0}))
}
guard() {
  install -d -m 0700 ${STATE_DIR}
  exec 9>${`${LOCK}.guard`}
  flock -w 10 9 || { echo 'the lock itself is busy' >&2; exit 1; }
}
write() {
  umask 077
  printf 'token=%s\nwho=%s\ncommand=%s\nsince=%s\nrenewed=%s\nboot=%s\n' "$1" "$2" "$3" "$4" "$up" "$boot" >"$lock.new" || exit 1
  mv -f "$lock.new" "$lock"
}`;

/** Takes the lock, or prints its owner and exits with LOCKED_EXIT. */
export function acquireScript(owner: LockOwner): Command {
  return sh`${FUNCTIONS}
guard
if [ -s "$lock" ] && [ "$(value token)" != ${owner.token} ] && [ "$(age)" -lt ${LOCK_TTL} ]; then
  printf 'who=%s\ncommand=%s\nsince=%s\nage=%s\n' "$(value who)" "$(value command)" "$(value since)" "$(age)"
  exit ${LOCKED_EXIT}
fi
write ${owner.token} ${owner.who} ${owner.command} ${owner.since}`;
}

/** Before every change: makes sure that the lock is still ours, and renews it. */
export function fenceScript(token: string): Command {
  return sh`${FUNCTIONS}
guard
if [ "$(value token)" != ${token} ]; then
  echo "the lock of this host is no longer ours: $(value who) has it" >&2
  exit ${LOCKED_EXIT}
fi
write ${token} "$(value who)" "$(value command)" "$(value since)"`;
}

export function releaseScript(token: string): Command {
  return sh`${FUNCTIONS}
guard
if [ "$(value token)" = ${token} ]; then rm -f "$lock"; fi`;
}

export function parseHolder(stdout: string): LockHolder {
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  return {
    who: value('who') || 'somebody',
    command: value('command'),
    since: value('since'),
    age: Number(value('age')) || 0,
  };
}
