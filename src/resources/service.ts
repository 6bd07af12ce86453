import { sh } from '../base/shell.js';
import { FLIP_MARK, HAPROXY_CFG, KEEPALIVED_CONF } from '../render/platform.js';
import { DAEMON_RELOAD } from './handlers.js';
import { priorities } from './keepalived-compare.js';
import { ageProbe } from './probes/age.js';
import { type FileFacts, fileProbe } from './probes/file.js';
import { keepalivedProbe } from './probes/keepalived.js';
import { isRunning, type ServiceFacts, serviceProbe } from './probes/service.js';
import {
  type Facts,
  type HandlerName,
  NOTHING,
  planned,
  type Resource,
  type Step,
  UnknownFact,
  type Watch,
} from './types.js';

const CONFIG = { haproxy: HAPROXY_CFG, keepalived: KEEPALIVED_CONF } as const;

/** Seconds by which a file must be newer than the process that should have read it: the clocks' granularity. */
const STALE_MARGIN = 0.05;

/** systemctl's own limit; a hung service blocks a restart over 90 s. */
const SYSTEMCTL_LIMIT = 60;

function systemctl(verb: string, service: string): Step {
  return {
    title: `systemctl ${verb} ${service}`,
    script: sh`timeout -k 5 ${SYSTEMCTL_LIMIT} systemctl ${verb.split(' ')} ${service}`,
    limit: SYSTEMCTL_LIMIT + 10,
    ...(/^(?:unmask|enable)/.test(verb) ? { rereadsUnits: true } : {}),
  };
}

/** The step that starts a keepalived that does not run; a plan may put another in its place. */
export const START_KEEPALIVED: Step = systemctl('restart', 'keepalived');

export const FREE_TO_START: Step = {
  title: 'let keepalived start',
  script: sh`rm -f ${FLIP_MARK}`,
  limit: 10,
};

/** Whether a file that is `age` seconds old was written after the running process read its configuration. */
export function runsOlder({ loadedAge }: ServiceFacts, age: number): boolean {
  return loadedAge !== null && loadedAge > age + STALE_MARGIN;
}

/** The files that were written after the running process read them, by an interrupted run or by hand. */
export function missedChange(
  { loadedAge }: ServiceFacts,
  watches: readonly Watch[],
  facts: Facts,
): readonly Watch[] {
  if (loadedAge === null) return [];
  return watches.filter(({ path }) => {
    const age = facts.need(ageProbe(path));
    // A file from the future says nothing.
    return age !== null && age >= 0 && loadedAge > age + STALE_MARGIN;
  });
}

/**
 * Instances that run by another priority than the file's: a host that took its addresses at once, and whose operator was gone
 * before keepalived had read the file as it is. It is too late then for the file's age to tell.
 */
function otherPriorities(facts: Facts, file: FileFacts): string[] {
  if (file.kind !== 'file' || file.content === null) return [];
  try {
    const found = facts.need(keepalivedProbe);
    const due = priorities(file.content);
    return (found.running ? found.instances : []).flatMap(({ instance, priority }) => {
      const own = due.get(instance) ?? priority;
      return own === priority ? [] : [`${instance} runs with priority ${priority}, not ${own}`];
    });
  } catch (error) {
    // Whoever judges the pair says that it is unknown.
    if (error instanceof UnknownFact) return [];
    throw error;
  }
}

/** Enabled, running, and running by the file that is on disk, and by those that notify it. */
export function serviceResource(
  service: 'haproxy' | 'keepalived',
  { watches = [], beforeStart = [] }: { watches?: readonly Watch[]; beforeStart?: readonly Step[] } = {},
): Resource {
  const config = CONFIG[service];
  return {
    id: `service:${service}`,
    probes: [
      serviceProbe(service),
      fileProbe(config),
      ...(service === 'keepalived' ? [keepalivedProbe] : []),
      ...watches.map(({ path }) => ageProbe(path)),
    ],
    plan(facts) {
      const found = facts.need(serviceProbe(service));
      const file = facts.need(fileProbe(config));
      const steps: Step[] = [];
      const reasons: string[] = [];
      const notify: HandlerName[] = [];
      if (found.masked) {
        reasons.push('masked');
        // Below /run: an installation that was killed has left it.
        const where = found.enabled === 'masked-runtime' ? 'unmask --runtime' : 'unmask';
        steps.push(systemctl(where, service));
      }
      if (found.masked || found.enabled !== 'enabled') {
        reasons.push(found.exists ? 'not enabled' : 'not installed yet');
        steps.push(systemctl('enable', service));
      }
      const runs = isRunning(found);
      if (!runs) {
        if (found.exists)
          reasons.push(found.active === 'failed' ? 'failed' : `not running (${found.active})`);
        if (found.needsDaemonReload) steps.push(DAEMON_RELOAD);
        steps.push(...beforeStart);
        // What made keepalived wait for the other hosts is over once it is to run.
        if (service === 'keepalived') steps.push(FREE_TO_START);
        steps.push(service === 'keepalived' ? START_KEEPALIVED : systemctl('restart', service));
      } else {
        if (found.needsDaemonReload) {
          reasons.push('its unit files are newer than what systemd runs by');
          steps.push(DAEMON_RELOAD);
        }
        if (file.kind !== 'missing' && runsOlder(found, file.age)) {
          reasons.push(`runs an older configuration than ${config}`);
          notify.push(`reload ${service}`);
        } else if (service === 'keepalived') {
          const others = otherPriorities(facts, file);
          reasons.push(...others);
          if (others.length > 0) notify.push('reload keepalived');
        }
        const missed = missedChange(found, watches, facts);
        reasons.push(...missed.map(({ path }) => `runs by an older ${path}`));
        notify.push(...missed.map(({ handler }) => handler));
      }
      if (reasons.length === 0) return NOTHING;
      return planned({
        resource: `service:${service}`,
        title: runs ? `mend ${service}` : `enable and start ${service}`,
        verb: found.exists ? 'update' : 'create',
        reason: reasons.join(', '),
        steps,
        notify,
        starts: runs ? [] : [service],
      });
    },
  };
}
