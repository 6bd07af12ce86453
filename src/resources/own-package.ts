import { err, ok } from '../base/result.js';
import { sh } from '../base/shell.js';
import { installStep } from './install-packages.js';
import type { About, OwnPackage } from './own-task.js';
import { LOCK_HOLDER, lockWarning } from './package-lock.js';
import { osProbe } from './probes/os.js';
import { NOTHING, type Probe, planned, type Resource } from './types.js';
import { unsupported } from './unsupported.js';

/** The state of one package: null where nothing of it is installed, else its version, or what dpkg says instead. */
export interface OwnPackageFacts {
  readonly version: string | null;
  /** dpkg's word for a package that is neither there nor away, such as `half-configured`. */
  readonly broken: string | null;
  /** Who works with the package manager, where the package is missing; null: nobody. */
  readonly lockedBy: string | null;
}

/** "Not installed" is what rpm and dpkg say in so many words; any other failure is unknown. */
export function ownPackageProbe(name: string): Probe<OwnPackageFacts> {
  return {
    key: `package:${name}`,
    script: sh`p=${name}
${LOCK_HOLDER}
missing() { echo missing; package_lock_holder || :; }
if command -v dpkg-query >/dev/null && [ -d /var/lib/dpkg/info ] && ! command -v dnf >/dev/null; then
  if v=$(dpkg-query -W -f '\${db:Status-Status} \${Version}\n' "$p" 2>&1); then echo "dpkg $v" | head -n 1
  else
    case $v in *'no packages found'*) missing ;; *) echo "$v" >&2; exit 1 ;; esac
  fi
elif command -v rpm >/dev/null; then
  if v=$(rpm -q --whatprovides --qf '%{VERSION}-%{RELEASE}\n' "$p" 2>&1); then echo "rpm $v" | head -n 1
  else
    case $v in *'no package provides'*|*'not installed'*) missing ;; *) echo "$v" >&2; exit 1 ;; esac
  fi
else
  echo 'neither rpm nor dpkg-query is here' >&2
  exit 1
fi`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`the state of package ${name} cannot be read: ${stderr.trim()}`);
      const [said = '', holder] = stdout.trim().split('\n');
      const [tool, ...words] = said.split(/\s+/);
      const lockedBy = holder ?? null;
      if (tool === 'missing') return ok({ version: null, broken: null, lockedBy });
      if (tool === 'rpm' && words[0] !== undefined) return ok({ version: words[0], broken: null, lockedBy });
      const [state, version] = words;
      if (tool !== 'dpkg' || state === undefined)
        return err(`the answer about package ${name} was cut short`);
      if (state === 'installed') return ok({ version: version ?? '', broken: null, lockedBy });
      const away = state === 'not-installed' || state === 'config-files';
      return ok({ version: null, broken: away ? null : state, lockedBy });
    },
  };
}

/** A package from the host's own repositories; there or not, the version is the repository's business. */
export function ownPackageResource({ name }: OwnPackage, { id, title }: About): Resource {
  const probe = ownPackageProbe(name);
  return {
    id,
    keeps: { packages: [name] },
    probes: [osProbe, probe],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, id);
      const { version, broken, lockedBy } = facts.need(probe);
      if (version !== null) return NOTHING;
      const { change } = planned({
        resource: id,
        title,
        verb: broken === null ? 'create' : 'update',
        reason: broken === null ? 'not installed' : `${broken}, not installed`,
        steps: [installStep(os.family, [{ name, version: null }])],
      });
      return { change, problems: lockWarning(lockedBy) };
    },
  };
}
