import { createHash } from 'node:crypto';
import { sh } from '../../base/shell.js';
import { HAPROXY_CFG, KEEPALIVED_CONF } from '../../render/platform.js';
import type { Connected } from '../connect.js';
import type { DrilledCluster } from '../documents.js';

type Configuration = DrilledCluster['configuration'];

/** What the hosts run by, as hashes: a report says which configuration it speaks of. Passwords are left out of them. */
export async function configurationOf(connected: Connected): Promise<Configuration> {
  const script = sh`for f in ${[HAPROXY_CFG, KEEPALIVED_CONF]}; do
  [ -r "$f" ] || continue
  echo "$(sed 's/^\( *auth_pass\).*/\1/' "$f" | sha256sum | cut -d' ' -f1) $f"
done`;
  const hosts = await Promise.all(
    [...connected.sessions].map(async ([host, session]) => {
      const { stdout } = await session.run(script, { limit: 20, repeatable: true });
      return stdout.split('\n').flatMap((line) => {
        const [, sha256, path] = /^([0-9a-f]{64}) (.+)$/.exec(line) ?? [];
        return sha256 === undefined || path === undefined ? [] : [{ host, path, sha256 }];
      });
    }),
  );
  const files = hosts.flat().sort((a, b) => `${a.host} ${a.path}`.localeCompare(`${b.host} ${b.path}`));
  const all = files.map(({ host, path, sha256 }) => `${host} ${path} ${sha256}\n`).join('');
  return { hash: createHash('sha256').update(all).digest('hex'), files };
}
