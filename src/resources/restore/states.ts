import { sh } from '../../base/shell.js';
import { HAPROXY_CFG, KEEPALIVED_CONF, SYSCTL_CONF } from '../../render/platform.js';
import { DAEMON_RELOAD } from '../handlers.js';
import { SELINUX_CONFIG } from '../kept.js';
import { fileProbe } from '../probes/file.js';
import { type KeptQuery, keptProbe } from '../probes/generation.js';
import { serviceProbe } from '../probes/service.js';
import { FREE_TO_START } from '../service.js';
import { type HandlerName, NOTHING, planned, type Resource, type Step } from '../types.js';
import { UFW_ON, ufwProbe } from '../ufw.js';
import { keptOf, restoredFile } from './files.js';

const CONFIG = { haproxy: HAPROXY_CFG, keepalived: KEEPALIVED_CONF } as const;

/** Seconds by which a file must be newer than the process that should have read it: the clocks' granularity. */
const STALE_MARGIN = 0.05;

export function systemctl(verb: string, service: string): Step {
  return {
    title: `systemctl ${verb} ${service}`,
    script: sh`timeout -k 5 60 systemctl ${verb} ${service}`,
    limit: 70,
  };
}

export interface ServiceStates {
  /**
   * `serving`: what ran then runs, what was not even installed then stops; what merely stood still is left as it is.
   * `exact`: as it was.
   */
  readonly goal: 'serving' | 'exact';
}

/** A service that runs, is enabled, or does not, as it was before the run of that number. */
export function restoredService(
  query: KeptQuery,
  service: 'haproxy' | 'keepalived',
  { goal }: ServiceStates,
): Resource {
  const resource = `service:${service}`;
  const config = CONFIG[service];
  return {
    id: resource,
    probes: [keptProbe(query), serviceProbe(service), fileProbe(config)],
    plan(facts) {
      const kept = keptOf(query, facts);
      if (kept === null) return NOTHING;
      const found = facts.need(serviceProbe(service));
      const file = facts.need(fileProbe(config));
      const was = (key: string) => kept.states[`${service}.${key}`] ?? '';
      const ran = ['active', 'activating', 'reloading'].includes(was('ActiveState'));
      const runs = ['active', 'activating', 'reloading'].includes(found.active);
      const stops = goal === 'exact' || was('LoadState') === 'not-found';
      const steps: Step[] = [];
      const reasons: string[] = [];
      const notify: HandlerName[] = [];
      const step = (verb: string, reason: string) => {
        if (verb === 'restart' && service === 'keepalived') steps.push(FREE_TO_START);
        steps.push(systemctl(verb, service));
        reasons.push(reason);
      };
      if (ran && !runs) step('restart', 'it ran then');
      if (!ran && stops && runs) step('stop', 'it did not run then');
      const enabled = found.enabled === 'enabled';
      if (was('UnitFileState') === 'enabled' && !enabled) step('enable', 'it was enabled then');
      if (was('UnitFileState') !== 'enabled' && stops && enabled) step('disable', 'it was not enabled then');
      if (goal === 'exact' && was('LoadState') === 'masked' && !found.masked)
        step('mask', 'it was masked then');
      if (runs && ran && found.needsDaemonReload) {
        steps.push(DAEMON_RELOAD);
        reasons.push('its unit files are newer than what systemd runs by');
      }
      if (
        runs &&
        ran &&
        file.kind !== 'missing' &&
        found.loadedAge !== null &&
        file.age >= 0 &&
        found.loadedAge > file.age + STALE_MARGIN
      ) {
        reasons.push(`runs an older configuration than ${config}`);
        notify.push(`reload ${service}`);
      }
      if (reasons.length === 0) return NOTHING;
      return planned({
        resource,
        title: `${service} as it was`,
        verb: 'update',
        reason: [...new Set(reasons)].join(', '),
        steps,
        notify,
        starts: ran && !runs ? [service] : [],
      });
    },
  };
}

/** The sysctl file and the values in force. */
export function restoredSysctl(query: KeptQuery): Resource {
  const file = restoredFile(query, 'sysctl', SYSCTL_CONF);
  return {
    ...file,
    plan(facts) {
      const { change, problems } = file.plan(facts);
      const kept = keptOf(query, facts);
      if (change === null || kept === null) return { change, problems };
      const values = Object.entries(kept.states).filter(([key]) => key.startsWith('net.'));
      const load: Step = {
        title: 'kernel settings as they were',
        limit: 30,
        script: sh`set -e
for s in ${values.map(([key, value]) => `${key}=${value}`)}; do
  f=/proc/sys/$(echo "\${s%%=*}" | tr . /)
  [ ! -e "$f" ] || echo "\${s#*=}" >"$f"
done`,
      };
      return { change: { ...change, steps: [...change.steps, load] }, problems };
    },
  };
}

/** SELinux's configuration file, and its mode where that was enforcing. */
export function restoredSelinux(query: KeptQuery): Resource {
  const file = restoredFile(query, 'selinux', SELINUX_CONFIG);
  return {
    ...file,
    plan(facts) {
      const { change, problems } = file.plan(facts);
      const kept = keptOf(query, facts);
      if (change === null || kept?.states.selinux !== 'Enforcing') return { change, problems };
      const mode: Step = {
        title: 'setenforce 1',
        limit: 30,
        script: sh`[ "$(getenforce)" != Permissive ] || setenforce 1`,
      };
      return { change: { ...change, steps: [...change.steps, mode] }, problems };
    },
  };
}

/** firewalld or ufw, where it ran then and does not now. */
export function restoredFirewall(query: KeptQuery): Resource {
  return {
    id: 'firewall',
    probes: [keptProbe(query), serviceProbe('firewalld'), ufwProbe],
    plan(facts) {
      const kept = keptOf(query, facts);
      if (kept === null) return NOTHING;
      const found = facts.need(serviceProbe('firewalld'));
      const steps: Step[] = [];
      if (kept.states['firewalld.UnitFileState'] === 'enabled' && found.enabled !== 'enabled')
        steps.push(systemctl('enable', 'firewalld'));
      if (kept.states['firewalld.ActiveState'] === 'active' && found.active !== 'active')
        steps.push(systemctl('start', 'firewalld'));
      const firewalld = steps.length > 0;
      const { installed, active } = facts.need(ufwProbe);
      const ufw = kept.states.ufw === 'yes' && installed && !active;
      if (ufw) steps.push(UFW_ON);
      if (steps.length === 0) return NOTHING;
      return planned({
        resource: 'firewall',
        title: 'the firewall as it was',
        verb: 'update',
        reason: [
          ...(firewalld ? ['firewalld ran or was enabled then'] : []),
          ...(ufw ? ['ufw was on then'] : []),
        ].join(', '),
        steps,
      });
    },
  };
}
