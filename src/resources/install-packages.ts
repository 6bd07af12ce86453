import { atTheEnd, type Command, raw, sh } from '../base/shell.js';
import type { Family } from '../render/platform.js';
import { AWAIT_LOCK } from './package-lock.js';
import type { Step } from './types.js';

export const PACKAGES = ['haproxy', 'keepalived'] as const;

export interface PackageSpec {
  readonly name: string;
  /** As the package manager names it; null: whichever it prefers. */
  readonly version: string | null;
}

/** From the repositories that the host has. */
export function installStep(family: Family, specs: readonly PackageSpec[]): Step {
  return family === 'el' ? dnfStep(specs) : aptStep(specs);
}

function named(specs: readonly PackageSpec[], sign: string): string[] {
  return specs.map(({ name, version }) => (version === null ? name : `${name}${sign}${version}`));
}

function dnfStep(specs: readonly PackageSpec[]): Step {
  const names = named(specs, '-');
  return {
    title: `dnf install ${names.join(' ')}`,
    script: sh`${AWAIT_LOCK}
if command -v dnf >/dev/null; then dnf -y -q install ${names}; else yum -y -q install ${names}; fi`,
    limit: 'none',
  };
}

/**
 * Debian's packages start their services as they are installed: keepalived by a file that an earlier life of the host has left, on
 * all hosts at once, and HAProxy as well. Until they are configured they are masked: below /run, and no longer than this.
 */
function whileMasked(services: readonly string[]): Command {
  if (services.length === 0) return raw(':');
  return sh`fresh=
for s in ${services}; do
  [ "$(systemctl show -p LoadState --value "$s")" != not-found ] || fresh="$fresh $s.service"
done
if [ -n "$fresh" ]; then
  ${atTheEnd(sh`systemctl -q unmask --runtime $fresh`)}
  systemctl -q mask --runtime $fresh 2>/dev/null || exit 1
fi`;
}

/**
 * The lists of a fresh machine are empty or old. apt waits for dpkg's locks by itself, but never for that of the lists,
 * which apt-daily takes after a boot.
 */
function aptStep(specs: readonly PackageSpec[]): Step {
  const names = named(specs, '=');
  const services = specs.map((it) => it.name).filter((it) => PACKAGES.some((own) => own === it));
  return {
    title: `apt-get install ${names.join(' ')}`,
    script: sh`${AWAIT_LOCK}
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
${whileMasked(services)}
install="apt-get -y -q -o DPkg::Lock::Timeout=$wait_for -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends --allow-downgrades install"
${specs.some((it) => it.version !== null) ? raw(':') : sh`$install ${names} && exit 0`}
i=0
while :; do
  said=$(LC_ALL=C apt-get -q -o DPkg::Lock::Timeout="$wait_for" update 2>&1) && rc=0 || rc=$?
  case $rc:$said in [1-9]*'/lists/lock'*) ;; *) break ;; esac
  i=$((i + 1))
  [ $i -lt "$wait_for" ] || break
  sleep 1
done
[ $rc = 0 ] || { printf '%s\n' "$said" >&2; exit 1; }
$install ${names}`,
    limit: 'none',
  };
}
