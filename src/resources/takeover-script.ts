import { sh } from '../base/shell.js';
import { Text } from '../base/text.js';
import { takeoverScriptPath } from '../render/platform.js';
import { renderTakeoverScript } from '../render/takeover-script.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { osProbe } from './probes/os.js';
import type { Resource, ResourceContext, Step } from './types.js';
import { unsupported } from './unsupported.js';

/** A keepalived that runs already reads its files before it is started the next time: they have to be there. */
function prepareStep(path: string): Step {
  return {
    title: 'make the files that keepalived watches',
    script: sh`${path} keepalived prepare`,
    limit: 30,
  };
}

/** What systemd runs when HAProxy or keepalived starts or stops, so that the addresses move before a service does. */
export function takeoverScriptResource({ cluster }: ResourceContext): Resource {
  return {
    id: 'takeover_script',
    probes: [osProbe, fileProbe(takeoverScriptPath('el')), fileProbe(takeoverScriptPath('debian'))],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, 'takeover_script');
      const path = takeoverScriptPath(os.family);
      const { change, problems } = planFile(
        {
          resource: 'takeover_script',
          title: 'hand-over when a service stops',
          path,
          content: new Text([renderTakeoverScript(cluster)]),
          mode: '0755',
          owner: 'root',
          group: 'root',
        },
        facts,
      );
      if (change === null) return { change, problems };
      return { change: { ...change, steps: [...change.steps, prepareStep(path)] }, problems };
    },
  };
}
