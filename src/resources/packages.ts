import { err, ok } from '../base/result.js';
import { raw, sh } from '../base/shell.js';
import type { Family } from '../render/platform.js';
import { osProbe } from './probes/os.js';
import { NOTHING, type Probe, planned, type Resource, type ResourceContext, type Step } from './types.js';
import { unsupported } from './unsupported.js';

export const PACKAGES = ['haproxy', 'keepalived'] as const;

/** Version by package name; absent where it is not installed. */
export type PackageFacts = Readonly<Record<string, string>>;

/** "Not installed" is what rpm and dpkg say in so many words; any other failure is unknown. */
export const packagesProbe: Probe<PackageFacts> = {
  key: 'packages',
  script:
    raw(`if command -v rpm >/dev/null && v=$(rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' ${PACKAGES.join(' ')} 2>/dev/null); then
  echo "$v"
  exit 0
fi
for p in ${PACKAGES.join(' ')}; do
  if command -v dpkg-query >/dev/null && [ -d /var/lib/dpkg/info ] && ! command -v dnf >/dev/null; then
    v=$(dpkg-query -W -f '\${db:Status-Status} \${Version}' "$p" 2>&1) ||
      case $v in *'no packages found'*) ;; *) echo "$v" >&2; exit 1 ;; esac
    case $v in 'installed '*) echo "$p \${v#installed }" ;; esac
  elif command -v rpm >/dev/null; then
    if v=$(rpm -q --qf '%{VERSION}-%{RELEASE}' "$p" 2>&1); then echo "$p $v"
    else case $v in *'not installed'*) ;; *) echo "$v" >&2; exit 1 ;; esac
    fi
  else
    echo 'neither rpm nor dpkg-query is here' >&2
    exit 1
  fi
done
exit 0`),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`the installed packages cannot be read: ${stderr.trim()}`);
    const entries = stdout
      .split('\n')
      .map((line) => line.trim().split(' '))
      .flatMap(([name, version]) => (name && version ? [[name, version] as const] : []));
    return ok(Object.fromEntries(entries));
  },
};

/** haproxy and keepalived from the distribution's own repositories. */
export function packagesResource(_: ResourceContext): Resource {
  return {
    id: 'packages',
    probes: [osProbe, packagesProbe],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, 'packages');
      const installed = facts.need(packagesProbe);
      const missing = PACKAGES.filter((name) => installed[name] === undefined);
      if (missing.length === 0) return NOTHING;
      return planned({
        resource: 'packages',
        title: `install ${missing.join(' and ')}`,
        verb: 'create',
        reason: `${missing.join(' and ')} not installed`,
        steps: [installStep(os.family, missing)],
      });
    },
  };
}

/** From the repositories that the host has. */
export function installStep(family: Family, names: readonly string[]): Step {
  return family === 'el' ? dnfStep(names) : aptStep(names);
}

function dnfStep(names: readonly string[]): Step {
  return {
    title: `dnf install ${names.join(' ')}`,
    script: sh`if command -v dnf >/dev/null; then dnf -y -q install ${names}; else yum -y -q install ${names}; fi`,
    limit: 'none',
  };
}

/**
 * The lists of a fresh machine are empty or old; services that the package starts are configured later. apt waits for
 * dpkg's locks by itself, but never for that of the lists, which apt-daily takes after a boot.
 */
function aptStep(names: readonly string[]): Step {
  return {
    title: `apt-get install ${names.join(' ')}`,
    script: sh`export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
install='apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends install'
$install ${names} && exit 0
i=0
while :; do
  said=$(LC_ALL=C apt-get -q -o DPkg::Lock::Timeout=300 update 2>&1) && rc=0 || rc=$?
  case $rc:$said in [1-9]*'/lists/lock'*) ;; *) break ;; esac
  i=$((i + 1))
  [ $i -lt 300 ] || break
  sleep 1
done
printf '%s\n' "$said" >&2
[ $rc = 0 ] && $install ${names}`,
    limit: 'none',
  };
}
