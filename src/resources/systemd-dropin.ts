import { Text } from '../base/text.js';
import { dropInPath } from '../render/platform.js';
import { renderDropIn } from '../render/system.js';
import { DAEMON_RELOAD } from './handlers.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import type { Resource } from './types.js';

/** Restart policy and limits of a service, beside the package's own unit. */
export function systemdDropInResource(service: 'haproxy' | 'keepalived'): Resource {
  const path = dropInPath(service);
  const resource = `systemd_dropin:${service}`;
  const file = {
    resource,
    title: `restart policy of ${service}`,
    path,
    content: new Text([renderDropIn(service)]),
    mode: '0644',
    owner: 'root',
    group: 'root',
  };
  return {
    id: resource,
    probes: [fileProbe(path)],
    plan(facts) {
      const { change, problems } = planFile(file, facts);
      if (change === null || change.silent) return { change, problems };
      return { change: { ...change, steps: [...change.steps, DAEMON_RELOAD] }, problems };
    },
  };
}
