import { Text } from '../base/text.js';
import { renderCheckScript } from '../render/check-script.js';
import { checkScriptPath } from '../render/platform.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { osProbe } from './probes/os.js';
import type { Resource, ResourceContext } from './types.js';
import { unsupported } from './unsupported.js';

/** What keepalived runs to learn whether HAProxy serves; owned by root, or keepalived refuses it. */
export function checkScriptResource({ cluster }: ResourceContext): Resource {
  return {
    id: 'check_script',
    probes: [osProbe, fileProbe(checkScriptPath('el')), fileProbe(checkScriptPath('debian'))],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, 'check_script');
      return planFile(
        {
          resource: 'check_script',
          title: "keepalived's check of HAProxy",
          path: checkScriptPath(os.family),
          content: new Text([renderCheckScript(cluster.check)]),
          mode: '0755',
          owner: 'root',
          group: 'root',
        },
        facts,
      );
    },
  };
}
