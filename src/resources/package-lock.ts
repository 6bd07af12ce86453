import type { Diagnostic } from '../base/diagnostic.js';
import { ok } from '../base/result.js';
import { raw, sh } from '../base/shell.js';
import type { Probe } from './types.js';

/** Seconds that a transaction waits for another package manager, unless `lbctl_wait` says otherwise. */
const LOCK_WAIT = 300;

/** Where dpkg, apt and rpm hold a lock while they work. dnf writes its process id into files instead. */
const LOCK_FILES = [
  '/var/lib/dpkg/lock-frontend',
  '/var/lib/dpkg/lock',
  '/var/lib/rpm/.rpm.lock',
  '/usr/lib/sysimage/rpm/.rpm.lock',
];
const PID_FILES = raw('/var/lib/dnf/*.pid /var/cache/dnf/*.pid /run/dnf/*.pid');

/** `NAME (process ID)`, whoever that is. */
const NAME = raw('"$(cat "/proc/$p/comm" 2>/dev/null) (process $p)"');

/**
 * Shell function `package_lock_holder`: `NAME (process ID)` of whoever has the package manager's lock; nothing, and
 * failure, where it is free. A process that merely has the file open holds nothing: the kernel's list of locks decides.
 */
export const LOCK_HOLDER = sh`package_lock_holder() {
  for f in ${PID_FILES}; do
    [ -s "$f" ] || continue
    read -r p <"$f" || [ -n "$p" ] || continue
    case $p in ''|*[!0-9]*) continue ;; esac
    if [ -d "/proc/$p" ]; then echo ${NAME}; return 0; fi
  done
  for l in ${LOCK_FILES}; do
    [ -e "$l" ] || continue
    for p in $(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v l="$l" '/^\/proc\// { split($0, a, "/"); p = a[3] } $NF == l { print p }'); do
      if awk -v p="$p" '$2 != "->" && $5 == p { found = 1 } END { exit !found }' /proc/locks; then echo ${NAME}; return 0; fi
    done
  done
  return 1
}`;

/**
 * Who works with the package manager; null: nobody. Asked only where HAProxy or keepalived is missing: to look at every
 * process takes a while.
 */
export const packageLockProbe: Probe<string | null> = {
  key: 'package-lock',
  script: sh`[ -x /usr/sbin/haproxy ] && [ -x /usr/sbin/keepalived ] && exit 0
${LOCK_HOLDER}
package_lock_holder
exit 0`,
  parse: ({ stdout }) => ok(stdout.trim() || null),
};

/** Said before it is waited for: what the run will seem to hang in. */
export function lockWarning(holder: string | null): Diagnostic[] {
  if (holder === null) return [];
  const summary = `${holder} works with the package manager: it is waited for`;
  return [{ severity: 'warning', code: 'package-manager-busy', summary }];
}

/** Waits for the package manager's lock, and gives up with the name of whoever has it. */
export const AWAIT_LOCK = sh`${LOCK_HOLDER}
wait_for=\${lbctl_wait:-${LOCK_WAIT}}
end=$(($(date +%s) + wait_for))
while holder=$(package_lock_holder); do
  if [ "$(date +%s)" -ge "$end" ]; then
    echo "the package manager's lock is held by $holder: waited $wait_for s for it" >&2
    exit 75
  fi
  sleep 0.5
done`;
