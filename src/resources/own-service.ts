import type { Diagnostic } from '../base/diagnostic.js';
import { sh } from '../base/shell.js';
import { DAEMON_RELOAD } from './handlers.js';
import type { About, OwnService } from './own-task.js';
import { ageProbe } from './probes/age.js';
import { type ServiceFacts, serviceProbe } from './probes/service.js';
import { missedChange } from './service.js';
import {
  type HandlerName,
  NOTHING,
  planned,
  type Resource,
  refused,
  type Step,
  type Watch,
} from './types.js';

/** Seconds that systemctl may take; a unit's own default for a start or a stop is 90. */
const SYSTEMCTL_LIMIT = 120;

/** UnitFileState of units that start at boot without a link of their own to remove or add. */
const AS_GOOD_AS_ENABLED = ['enabled', 'enabled-runtime', 'alias', 'generated', 'indirect'];

/** Any unit of systemd: enabled or not, running or not, and running by the files that notify it. */
export function ownServiceResource(
  service: OwnService,
  { id, title }: About,
  watches: readonly Watch[],
): Resource {
  const { name } = service;
  const probe = serviceProbe(name);
  return {
    id,
    keeps: { services: [name] },
    probes: [probe, ...watches.map(({ path }) => ageProbe(path))],
    plan(facts) {
      const found = facts.need(probe);
      const wrong = service.enabled ? cannotEnable(name, found) : null;
      if (wrong !== null) return refused({ ...wrong, resource: id });
      const reasons: string[] = [];
      const steps: Step[] = [];
      const notify: HandlerName[] = [];
      if (found.masked && (service.enabled || service.running)) {
        reasons.push('masked');
        steps.push(systemctl('unmask', name));
      }
      const enabled = AS_GOOD_AS_ENABLED.includes(found.enabled);
      if (service.enabled && !enabled) {
        reasons.push(found.exists ? 'not enabled' : 'not installed yet');
        steps.push(systemctl('enable', name));
      }
      if (!service.enabled && found.enabled.startsWith('enabled')) {
        reasons.push('enabled');
        steps.push(systemctl('disable', name));
      }
      const runs = ['active', 'reloading', 'refreshing'].includes(found.active);
      const starts = service.running && !runs;
      if (starts) {
        if (found.exists || !service.enabled) reasons.push(notRunning(found));
        steps.push(startStep(name));
      } else if (!service.running && !['inactive', 'failed'].includes(found.active)) {
        reasons.push(`running (${found.active})`);
        steps.push(systemctl('stop', name));
      } else if (runs && found.needsDaemonReload) {
        reasons.push('its unit files are newer than what systemd runs by');
        steps.push(DAEMON_RELOAD);
      }
      if (service.running && runs) {
        const missed = missedChange(found, watches, facts);
        reasons.push(...missed.map(({ path }) => `runs by an older ${path}`));
        notify.push(...missed.map(({ handler }) => handler));
      }
      if (reasons.length === 0) return NOTHING;
      const verb = found.exists ? 'update' : 'create';
      return planned({
        resource: id,
        title,
        verb,
        reason: reasons.join(', '),
        steps,
        notify,
        starts: starts ? [name] : [],
      });
    },
  };
}

function cannotEnable(name: string, found: ServiceFacts): Diagnostic | null {
  if (found.enabled !== 'static') return null;
  return {
    severity: 'error',
    code: 'unit-not-enableable',
    summary: `${name} cannot be enabled: its unit has no [Install] section`,
    hint: 'something else starts it; leave that to it with `enabled: no`, or enable its timer or socket',
  };
}

function notRunning({ active, exists }: ServiceFacts): string {
  if (!exists) return 'not installed yet';
  return active === 'failed' ? 'failed' : `not running (${active})`;
}

function systemctl(verb: 'unmask' | 'enable' | 'disable' | 'stop', name: string): Step {
  return {
    title: `systemctl ${verb} ${name}`,
    script: sh`timeout -k 5 ${SYSTEMCTL_LIMIT} systemctl ${verb} ${name}`,
    limit: SYSTEMCTL_LIMIT + 10,
  };
}

/** systemctl says 0 as soon as a simple service was begun: so look again whether it lives. */
function startStep(name: string): Step {
  return {
    title: `systemctl restart ${name}`,
    script: sh`timeout -k 5 ${SYSTEMCTL_LIMIT} systemctl restart ${name} || exit $?
sleep 0.3
systemctl is-active -q ${name} && exit 0
echo ${`${name} was started and does not run any more`} >&2
journalctl -u ${name} -n 15 --no-pager -o cat >&2
exit 1`,
    limit: SYSTEMCTL_LIMIT + 20,
  };
}
