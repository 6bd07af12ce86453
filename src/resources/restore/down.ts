import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Cluster } from '../../inventory/model.js';
import { DAEMON_RELOAD } from '../handlers.js';
import { FIREWALLD_ZONES, GENERATIONS, KEPT, SAME } from '../kept.js';
import { withoutLeftovers } from '../leftovers.js';
import { ownPackageProbe } from '../own-package.js';
import { keptProbe } from '../probes/generation.js';
import { holds, networkProbe } from '../probes/network.js';
import { serviceProbe } from '../probes/service.js';
import { type Facts, NOTHING, type Probe, planned, type Resource } from '../types.js';
import { BEFORE } from './down-states.js';
import { keptOf } from './files.js';
import { restoredService, systemctl } from './states.js';

const RUNS = ['active', 'activating', 'reloading', 'deactivating', 'refreshing'];
const KEEPALIVED = serviceProbe('keepalived');

/** Whether keepalived runs by what lbctl wrote, or would not run at all without it. */
function runsForUs(facts: Facts): boolean {
  const kept = keptOf(BEFORE, facts);
  if (kept === null || !RUNS.includes(facts.need(KEEPALIVED).active)) return false;
  const mine: readonly string[] = KEPT.keepalived;
  const differs = kept.files.some(
    ({ path, state }) => mine.includes(path) && !['same', 'absent', 'attributes'].includes(state),
  );
  return differs || !ranBefore(facts);
}

function ranBefore(facts: Facts): boolean {
  return RUNS.includes(keptOf(BEFORE, facts)?.states['keepalived.ActiveState'] ?? '');
}

/** keepalived is stopped and leaves no address behind. Where it ran before lbctl, it starts again when all are stopped. */
export function releasedAddresses(cluster: Cluster): Resource {
  const addresses = cluster.vrrpInstances.flatMap((it) => it.virtualIpaddress.map((vip) => vip.address));
  return {
    id: 'virtual_addresses',
    probes: [keptProbe(BEFORE), KEEPALIVED, networkProbe],
    plan(facts) {
      if (keptOf(BEFORE, facts) === null) return NOTHING;
      const stops = runsForUs(facts);
      const interfaces = facts.need(networkProbe);
      const held = addresses.filter((it) => holds(interfaces, it));
      const left = held.length > 0 && !RUNS.includes(facts.need(KEEPALIVED).active);
      if (!stops && !left) return NOTHING;
      return planned({
        resource: 'virtual_addresses',
        title: 'stop keepalived and release the virtual addresses',
        verb: 'delete',
        reason: stops ? 'keepalived runs for this cluster' : `${held.join(', ')} left behind`,
        steps: [
          {
            title: 'systemctl stop keepalived',
            script: sh`timeout -k 5 60 systemctl stop keepalived || exit $?
${withoutLeftovers(cluster)}`,
            limit: 70,
          },
        ],
      });
    },
  };
}

/** keepalived as it was; to be planned before it is stopped, so that one that ran by its own file runs again. */
export function keepalivedBefore(): Resource {
  const restored = restoredService(BEFORE, 'keepalived', { goal: 'exact' });
  return {
    ...restored,
    plan(facts) {
      const again = runsForUs(facts) && ranBefore(facts);
      const { change, problems } = restored.plan(facts);
      if (!again) return { change: change === null ? null : { ...change, notify: [] }, problems };
      return planned({
        resource: restored.id,
        title: 'keepalived as it was',
        verb: 'update',
        reason: 'it ran by its own configuration',
        steps: [
          DAEMON_RELOAD,
          ...(change?.steps ?? []).filter((it) => !/ (?:stop|restart) /.test(it.title)),
          systemctl('restart', 'keepalived'),
        ],
        starts: ['keepalived'],
      });
    },
  };
}

const ZONES = `${GENERATIONS}/0/firewalld-zones`;

const zonesProbe: Probe<readonly string[]> = {
  key: 'firewalld-zones',
  script: sh`old=${ZONES} now=${FIREWALLD_ZONES}
${SAME}
if [ ! -d "$old" ] || [ ! -d "$now" ]; then exit 0; fi
for f in $(ls -A "$old" "$now" | grep -E '\.xml(\.old)?$' | sort -u); do
  same "$old/$f" "$now/$f" || echo "$f"
done
exit 0`,
  parse({ stdout, stderr, exitCode }) {
    return exitCode === 0
      ? ok(stdout.split('\n').filter(Boolean))
      : err(`firewalld's zones: ${stderr.trim()}`);
  },
};

/**
 * The rules that `firewall: open` added. What firewalld has loaded is taken out one by one: a reload would drop what
 * others have added to the running rules.
 */
export const zonesBefore: Resource = {
  id: 'firewall_rules',
  probes: [keptProbe(BEFORE), zonesProbe],
  plan(facts) {
    const files = facts.need(zonesProbe);
    if (files.length === 0) return NOTHING;
    return planned({
      resource: 'firewall_rules',
      title: "firewalld's rules as they were",
      verb: 'update',
      reason: `${files.join(', ')} differ from what was kept`,
      steps: [
        {
          title: "put firewalld's zones back",
          limit: 120,
          script: sh`old=${ZONES} now=${FIREWALLD_ZONES}
for f in ${files}; do
  zone=\${f%.xml}
  if [ "$zone" != "$f" ] && [ -f "$now/$f" ] && firewall-cmd --state >/dev/null 2>&1; then
    before=$old/$f
    [ -f "$before" ] || before=/usr/lib/firewalld/zones/$f
    grep -oE '<(port|protocol) [^>]*>' "$now/$f" | while read -r rule; do
      ! grep -qF "$rule" "$before" 2>/dev/null || continue
      port=$(echo "$rule" | sed -n 's/.* port="\([^"]*\)".*/\1/p')
      protocol=$(echo "$rule" | sed -n 's/.* protocol="\([^"]*\)".*/\1/p')
      value=$(echo "$rule" | sed -n 's/.* value="\([^"]*\)".*/\1/p')
      case $rule in
        '<port '*) timeout 20 firewall-cmd -q --zone="$zone" --remove-port="$port/$protocol" ;;
        *) timeout 20 firewall-cmd -q --zone="$zone" --remove-protocol="$value" ;;
      esac </dev/null
    done
  fi
  if [ -f "$old/$f" ]; then cp -a "$old/$f" "$now/$f" || exit 1; else rm -f "$now/$f"; fi
done`,
        },
      ],
    });
  },
};

/** The packages that were not there before, by the names that lbctl or the operator's tasks installed. */
export function purgedPackage(name: string): Resource {
  const probe = ownPackageProbe(name);
  const resource = `package:${name}`;
  return {
    id: resource,
    probes: [keptProbe(BEFORE), probe],
    plan(facts) {
      const before = keptOf(BEFORE, facts)?.states[`package.${name}`];
      const { version } = facts.need(probe);
      if (before === undefined || version === null || wasThere(before)) return NOTHING;
      return planned({
        resource,
        title: `remove ${name}`,
        verb: 'delete',
        reason: 'it was not installed then',
        steps: [{ title: `remove ${name}`, script: removeScript(name), limit: 'none' }],
      });
    },
  };
}

/** rpm's `haproxy-2.4-1`, dpkg's `installed 2.4-1`. */
function wasThere(state: string): boolean {
  return state.trim() !== '' && !/^(?:not-installed|config-files)\b/.test(state.trim());
}

/** Never others: whatever would go with it makes it fail before anything is removed. */
function removeScript(name: string) {
  return sh`p=${name}
if command -v dpkg-query >/dev/null && [ -d /var/lib/dpkg/info ] && ! command -v dnf >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C
  others=$(apt-get -s purge "$p" | awk -v p="$p" '($1 == "Remv" || $1 == "Purg") && $2 != p { print $2 }') || exit 1
  [ -z "$others" ] || { echo "$p stays: it would take others with it:" $others >&2; exit 1; }
  exec apt-get -y -q -o DPkg::Lock::Timeout=300 purge "$p"
fi
rpm -e --test "$p" || exit 1
if command -v dnf >/dev/null; then exec dnf -y -q remove --noautoremove "$p"; fi
exec yum -y -q --setopt=clean_requirements_on_remove=0 remove "$p"`;
}
