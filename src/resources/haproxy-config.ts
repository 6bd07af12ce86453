import type { Diagnostic } from '../base/diagnostic.js';
import { sh } from '../base/shell.js';
import type { Cluster } from '../inventory/model.js';
import { renderHaproxy } from '../render/haproxy.js';
import { HAPROXY_CFG } from '../render/platform.js';
import { markSecrets } from './diff.js';
import { planFile } from './managed-file.js';
import { overlap, wantedPorts } from './ports-free.js';
import { fileProbe } from './probes/file.js';
import { type Listener, listenersProbe } from './probes/listeners.js';
import { osProbe } from './probes/os.js';
import { HAPROXY_UNIT_FILES } from './probes/unit-files.js';
import type { Resource, ResourceContext } from './types.js';
import { unsupported } from './unsupported.js';

/** haproxy's own check with what its unit loads besides the file: EL's also reads a directory. */
export const HAPROXY_VALIDATE = sh`confdir=
${HAPROXY_UNIT_FILES}
if [ $# = 0 ] || grep -qs CFGDIR= "$@"; then
  confdir=$(systemctl show haproxy -p Environment --value | tr ' ' '\n' | sed -n 's/^"*CFGDIR=\([^"]*\)"*$/\1/p')
fi
set -- -c -f "$candidate"
if [ -n "$confdir" ] && [ -d "$confdir" ]; then set -- "$@" -f "$confdir"; fi
timeout 30 haproxy "$@" >&2`;

/** haproxy.cfg, checked by the host's own haproxy before it takes the old one's place. */
export function haproxyConfigResource({ cluster }: ResourceContext): Resource {
  return {
    id: 'haproxy_config',
    probes: [osProbe, listenersProbe, fileProbe(HAPROXY_CFG)],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, 'haproxy_config');
      const { change } = planFile(
        {
          resource: 'haproxy_config',
          title: 'HAProxy configuration',
          path: HAPROXY_CFG,
          content: markSecrets(renderHaproxy(cluster, os.family)),
          mode: '0640',
          owner: 'root',
          group: 'haproxy',
          validate: HAPROXY_VALIDATE,
        },
        facts,
      );
      return { change, problems: takenPorts(cluster, facts.need(listenersProbe)) };
    },
  };
}

/** `haproxy -c` passes a port that another program holds; the reload would then take the service down. */
function takenPorts(cluster: Cluster, listeners: readonly Listener[]): Diagnostic[] {
  return wantedPorts(cluster).flatMap(({ address, port }) => {
    const other = listeners.find(
      (it) => it.port === port && overlap(it.address, address) && !it.programs.includes('haproxy'),
    );
    if (other === undefined) return [];
    const who = other.programs.join(', ') || 'another program';
    return [
      {
        severity: 'error',
        code: 'port-taken',
        summary: `port ${port} is taken by ${who}, which listens on ${other.address}`,
        hint: `stop it, or bind another port; \`ss -ltnp 'sport = :${port}'\` shows it`,
        resource: 'haproxy_config',
      },
    ];
  });
}
