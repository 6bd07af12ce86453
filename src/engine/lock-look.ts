import { err, ok } from '../base/result.js';
import { type Command, sh } from '../base/shell.js';
import type { Probe } from '../resources/types.js';
import {
  LOCK,
  LOCK_FUNCTIONS,
  LOCK_TTL,
  LOCKED_EXIT,
  type LockHolder,
  parseHolder,
  parseLast,
  STEP,
  TELL_LAST,
} from './lock.js';

/** A lock as it is found, with the token that tells it from the next one. */
export interface FoundLock extends LockHolder {
  readonly token: string;
}

/** Looks at the lock and touches nothing. Prints nothing where there is none. */
export function lookScript(): Command {
  return sh`${LOCK_FUNCTIONS}
step=no
[ ! -e ${STEP} ] || { flock -n 9; } 2>/dev/null 9<${STEP} || [ ! -e ${STEP} ] || step=yes
if [ -s ${LOCK} ]; then printf 'token=%s\n' "$(value token)"; holder "$step"
elif [ "$step" = yes ]; then echo step=yes; fi`;
}

/** Null: free. */
export function parseLook(stdout: string): FoundLock | null {
  if (stdout.trim() === '') return null;
  return { ...parseHolder(stdout), token: /^token=(.*)$/m.exec(stdout)?.[1] ?? '' };
}

/** Whether somebody is changing the host, or was and never ended. */
export const lockProbe: Probe<FoundLock | null> = {
  key: 'lock-look',
  script: lookScript(),
  early: true,
  parse({ stdout, stderr, exitCode }) {
    return exitCode === 0 ? ok(parseLook(stdout)) : err(`the lock cannot be read: ${stderr.trim()}`);
  },
};

/** Who had the lock last. Asked before everything else: whatever they did since makes that older than their lock. */
export const lastOwnerProbe: Probe<string> = {
  key: 'lock-last',
  script: TELL_LAST,
  early: true,
  parse({ stdout, stderr, exitCode }) {
    return exitCode === 0
      ? ok(parseLast(stdout))
      : err(`who locked this host last cannot be read: ${stderr.trim()}`);
  },
};

/** Renewed a while ago only, or one of its steps is running: somebody is at work. */
export function isAlive({ age, stepRuns }: LockHolder): boolean {
  return age < LOCK_TTL || stepRuns;
}

/** Removes the lock that was found, and no other; where `alive` is refused, only if nobody renewed it meanwhile. */
export function removeScript(token: string, options: { readonly alive: 'remove' | 'refuse' }): Command {
  return sh`${LOCK_FUNCTIONS}
guard
[ -s "$lock" ] || exit 0
alive=no
[ "$(age)" -ge ${LOCK_TTL} ] || alive=yes
if [ "$(value token)" != ${token} ] || [ "$alive ${options.alive}" = 'yes refuse' ]; then
  holder no
  exit ${LOCKED_EXIT}
fi
rm -f "$lock"`;
}
