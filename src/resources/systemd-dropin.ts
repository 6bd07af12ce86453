import { Text } from '../base/text.js';
import { dropInPath, type Family } from '../render/platform.js';
import { renderDropIn } from '../render/system.js';
import { DAEMON_RELOAD } from './handlers.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { osProbe } from './probes/os.js';
import { onlyChecksProbe } from './probes/start-pre.js';
import type { Resource } from './types.js';
import { unsupported } from './unsupported.js';

/** Restart policy, limits and hand-over of a service, beside the package's own unit. */
export function systemdDropInResource(service: 'haproxy' | 'keepalived'): Resource {
  const path = dropInPath(service);
  const resource = `systemd_dropin:${service}`;
  const file = (family: Family, skipsCheck: boolean) => ({
    resource,
    title: `restart policy of ${service}`,
    path,
    content: new Text([renderDropIn(service, family, { skipsCheck })]),
    mode: '0644',
    owner: 'root',
    group: 'root',
  });
  return {
    id: resource,
    probes: [osProbe, fileProbe(path), ...(service === 'haproxy' ? [onlyChecksProbe] : [])],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, resource);
      const skipsCheck = service === 'haproxy' && facts.need(onlyChecksProbe);
      const { change, problems } = planFile(file(os.family, skipsCheck), facts);
      if (change === null || change.silent) return { change, problems };
      return { change: { ...change, steps: [...change.steps, DAEMON_RELOAD] }, problems };
    },
  };
}
