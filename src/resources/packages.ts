import { err, ok } from '../base/result.js';
import { raw, sh } from '../base/shell.js';
import type { Family } from '../render/platform.js';
import { monitorAnswers } from './handlers.js';
import { installStep, PACKAGES, type PackageSpec } from './install-packages.js';
import { lockWarning, packageLockProbe } from './package-lock.js';
import { packageVersionsProbe, targetsOf } from './package-versions.js';
import { osProbe } from './probes/os.js';
import { tooOld } from './too-old.js';
import { NOTHING, type Probe, planned, type Resource, type ResourceContext, type Step } from './types.js';
import { unsupported } from './unsupported.js';

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

/** haproxy and keepalived from the distribution's own repositories, where they are missing. */
export function packagesResource({ cluster }: ResourceContext): Resource {
  const wishes = cluster.system.packages;
  const asks = PACKAGES.some((name) => wishes[name] !== 'present');
  const versions = packageVersionsProbe(wishes);
  return {
    id: 'packages',
    probes: [osProbe, packagesProbe, packageLockProbe, ...(asks ? [versions] : [])],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, 'packages');
      const installed = facts.need(packagesProbe);
      const old = PACKAGES.flatMap((name) => {
        const wish = wishes[name];
        const newest = wish === 'latest' ? facts.need(versions).candidate[name] : undefined;
        return tooOld(name, typeof wish === 'string' ? (newest ?? installed[name]) : wish.version, wish);
      });
      if (old.length > 0) return { change: null, problems: old };
      const missing = PACKAGES.filter((name) => installed[name] === undefined);
      if (missing.length === 0) return NOTHING;
      const targets = targetsOf(wishes, installed, () => facts.need(versions));
      if (targets.problems.length > 0) return { change: null, problems: targets.problems };
      const specs = missing.map((name) => ({ name, version: targets.versions.get(name) ?? null }));
      const { change } = planned({
        resource: 'packages',
        title: `install ${missing.join(' and ')}`,
        verb: 'create',
        reason: `${missing.join(' and ')} not installed`,
        steps: [installStep(os.family, specs)],
      });
      return { change, problems: lockWarning(facts.need(packageLockProbe)) };
    },
  };
}

/**
 * The versions that the inventory wishes for, on hosts that have others: a transaction whose own scripts may restart
 * the services, so the host's virtual addresses have to be elsewhere meanwhile.
 */
export function packageUpgradesResource({ cluster }: ResourceContext): Resource {
  const wishes = cluster.system.packages;
  const asks = PACKAGES.some((name) => wishes[name] !== 'present');
  const versions = packageVersionsProbe(wishes);
  const id = 'packages:versions';
  return {
    id,
    probes: asks ? [osProbe, packagesProbe, versions] : [],
    plan(facts) {
      if (!asks) return NOTHING;
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, id);
      const installed = facts.need(packagesProbe);
      const targets = targetsOf(wishes, installed, () => facts.need(versions));
      if (targets.problems.length > 0) return { change: null, problems: targets.problems };
      const specs = [...targets.versions].filter(([name]) => installed[name] !== undefined);
      if (specs.length === 0) return NOTHING;
      const { change } = planned({
        resource: id,
        title: `upgrade ${specs.map(([name]) => name).join(' and ')}`,
        verb: 'update',
        reason: specs.map(([name, to]) => `${name} ${installed[name]} -> ${to}`).join(', '),
        restarts: true,
        steps: [
          upgradeStep(
            os.family,
            specs.map(([name, to]) => ({ name, version: to })),
            cluster,
          ),
        ],
      });
      return { change, problems: lockWarning(facts.need(versions).lockedBy) };
    },
  };
}

/** Seconds that a service may take until it runs by the new program. */
const RUNS_LIMIT = 30;

/**
 * A package may restart its service, reload it, or do nothing. In the end what ran before runs again, by the program
 * that is there now, and HAProxy answers if it did before.
 */
function upgradeStep(
  family: Family,
  specs: readonly PackageSpec[],
  cluster: ResourceContext['cluster'],
): Step {
  const { title, script } = installStep(family, specs);
  return {
    title,
    limit: 'none',
    script: sh`ran=
for s in ${specs.map((it) => it.name)}; do systemctl -q is-active "$s" && ran="$ran $s"; done
if ${monitorAnswers(cluster.check)}; then answered=yes; else answered=; fi
(
${script}
) || exit $?
for s in $ran; do
  pid=$(systemctl show "$s" -p MainPID --value)
  case $(readlink "/proc/$pid/exe" 2>/dev/null) in
    ''|*' (deleted)') timeout -k 5 60 systemctl restart "$s" || exit $? ;;
  esac
done
i=0
while [ $i -lt ${RUNS_LIMIT * 5} ]; do
  i=$((i + 1))
  well=yes
  for s in $ran; do systemctl -q is-active "$s" || well=; done
  [ -z "$answered" ] || ${monitorAnswers(cluster.check)} || well=
  [ -z "$well" ] || exit 0
  sleep 0.2
done
echo ${`after the upgrade the services do not run as before within ${RUNS_LIMIT} s`} >&2
systemctl status $ran --no-pager -l -n 15 >&2
exit 1`,
  };
}
