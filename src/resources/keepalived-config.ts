import type { Diagnostic } from '../base/diagnostic.js';
import { sh } from '../base/shell.js';
import { renderKeepalived } from '../render/keepalived.js';
import { checkScriptPath, KEEPALIVED_CONF } from '../render/platform.js';
import { addressChange, flipsTogether, startsAnew } from './keepalived-compare.js';
import { planFile } from './managed-file.js';
import { fileProbe } from './probes/file.js';
import { type InterfaceFacts, interfaceFor, networkProbe } from './probes/network.js';
import { osProbe } from './probes/os.js';
import type { Resource, ResourceContext } from './types.js';
import { unsupported } from './unsupported.js';

/**
 * keepalived's own check says nothing of an empty file or of a script that is missing or not executable, and
 * crashes on an unterminated quote: so rc 0, a file that is not empty, and a script that can run.
 */
function validate(script: string) {
  return sh`[ -s "$candidate" ] || { echo 'the candidate file is empty' >&2; exit 1; }
[ -x ${script} ] || { echo ${`${script} is missing or not executable`} >&2; exit 1; }
timeout 30 keepalived -t -f "$candidate" >&2`;
}

/** keepalived.conf of one host, checked by the host's own keepalived before it takes the old one's place. */
export function keepalivedConfigResource({ cluster, host, authPass }: ResourceContext): Resource {
  return {
    id: 'keepalived_config',
    probes: [osProbe, networkProbe, fileProbe(KEEPALIVED_CONF)],
    plan(facts) {
      const os = facts.need(osProbe);
      if (os.family === null) return unsupported(os, 'keepalived_config');
      const { interfaces, problems } = chooseInterfaces(cluster, host, facts.need(networkProbe));
      if (problems.length > 0) return { change: null, problems };
      const content = renderKeepalived({ cluster, host, family: os.family, interfaces, authPass });
      const found = facts.need(fileProbe(KEEPALIVED_CONF));
      const before = found.kind === 'missing' ? null : found.content;
      const after = content.reveal();
      const together = before !== null && flipsTogether(before, after);
      const coordination = !together ? 'independent' : startsAnew(before, after) ? 'anew' : 'together';
      const { change } = planFile(
        {
          resource: 'keepalived_config',
          title: 'keepalived configuration',
          path: KEEPALIVED_CONF,
          content,
          mode: '0640',
          owner: 'root',
          group: 'root',
          validate: validate(checkScriptPath(os.family)),
        },
        facts,
        { coordination, addresses: before === null ? null : addressChange(before, after) },
      );
      return { change, problems };
    },
  };
}

interface Chosen {
  readonly interfaces: Readonly<Record<string, string>>;
  readonly problems: readonly Diagnostic[];
}

function chooseInterfaces(
  cluster: ResourceContext['cluster'],
  host: ResourceContext['host'],
  found: readonly InterfaceFacts[],
): Chosen {
  const interfaces: Record<string, string> = {};
  const problems: Diagnostic[] = [];
  const known = found.map((it) => it.name).join(', ');
  for (const instance of cluster.vrrpInstances) {
    const name = interfaceFor(instance, host, found);
    if (name === undefined) {
      problems.push({
        severity: 'error',
        code: 'no-interface',
        summary: `no interface of this host is on the subnet of ${instance.name}'s virtual addresses`,
        hint: `set \`interface\` for the host or the instance; the host has ${known}`,
        resource: 'keepalived_config',
      });
      continue;
    }
    const facts = found.find((it) => it.name === name);
    if (facts === undefined || !facts.up) {
      problems.push({
        severity: 'error',
        code: facts === undefined ? 'interface-missing' : 'interface-down',
        summary: `interface ${name} of ${instance.name} ${facts === undefined ? 'does not exist' : 'is down'} on this host`,
        hint: facts === undefined ? `the host has ${known}` : `\`ip link set ${name} up\` brings it up`,
        resource: 'keepalived_config',
      });
      continue;
    }
    interfaces[instance.name] = name;
  }
  return { interfaces, problems };
}
