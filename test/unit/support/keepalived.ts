import { Secret } from '../../../src/base/secret.js';
import type { Text } from '../../../src/base/text.js';
import type { Cluster } from '../../../src/inventory/model.js';
import { renderKeepalived } from '../../../src/render/keepalived.js';
import type { Family } from '../../../src/render/platform.js';
import { hostOf } from './model.js';

export const PASSWORD = 'lb-pass1';

/** keepalived.conf of a host whose interfaces are all eth0, with a password wherever one is asked for. */
export function keepalivedOf(cluster: Cluster, name: string, family: Family = 'el'): Text {
  const host = hostOf(cluster, name);
  const authPass = cluster.vrrpInstances.flatMap((it) =>
    it.authPass === null ? [] : [[it.name, new Secret(PASSWORD)] as const],
  );
  const interfaces = cluster.vrrpInstances.map(
    (it) => [it.name, it.interface ?? host.interface ?? 'eth0'] as const,
  );
  return renderKeepalived({
    cluster,
    host,
    family,
    interfaces: Object.fromEntries(interfaces),
    authPass: new Map(authPass),
  });
}
