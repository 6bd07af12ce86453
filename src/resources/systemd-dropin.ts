import { Text } from '../base/text.js';
import { dropInPath, type Family } from '../render/platform.js';
import { renderDropIn } from '../render/system.js';
import { DAEMON_RELOAD } from './handlers.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { osProbe } from './probes/os.js';
import type { Resource } from './types.js';
import { unsupported } from './unsupported.js';

/** Restart policy, limits and hand-over of a service, beside the package's own unit. */
export function systemdDropInResource(service: 'haproxy' | 'keepalived'): Resource {
  const path = dropInPath(service);
  const resource = `systemd_dropin:${service}`;
  const file = (family: Family) => ({
    resource,
    title: `restart policy of ${service}`,
    path,
    content: new Text([renderDropIn(service, family)]),
    mode: '0644',
    owner: 'root',
    group: 'root',
  });
  return {
    id: resource,
    probes: [osProbe, fileProbe(path)],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, resource);
      const { change, problems } = planFile(file(os.family), facts);
      if (change === null || change.silent) return { change, problems };
      return { change: { ...change, steps: [...change.steps, DAEMON_RELOAD] }, problems };
    },
  };
}
