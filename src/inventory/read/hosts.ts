import { KEYS } from '../keys.js';
import type { Host } from '../model.js';
import { interfaceProblem } from '../words.js';
import { type Entry, isNull } from '../yaml/tree.js';
import { readHostAddress } from './addresses.js';
import type { Context } from './context.js';
import { Fields } from './fields.js';
import { readSsh, resolveSsh, type SshLayer } from './ssh.js';

/**
 * The hosts in the order of the file. A wrong address stands as '': the checks pass over it.
 * @param layers the `ssh` blocks of the inventory and the cluster
 */
export function readHosts(ctx: Context, owner: Fields, cluster: string, layers: readonly SshLayer[]): Host[] {
  const entry = owner.required('hosts', `the cluster "${cluster}"`);
  if (entry === undefined) return [];
  const named = owner.named('hosts');
  if (entry.value.kind === 'map' && entry.value.entries.size < 2) {
    const hint = 'a pair needs a second host to take over';
    ctx.problems.error(
      entry.keySpan,
      'too-few-hosts',
      `the cluster "${cluster}" needs two hosts or more`,
      hint,
    );
  }
  return named.map((host) => readHost(ctx, host, cluster, layers));
}

function readHost(ctx: Context, entry: Entry, cluster: string, layers: readonly SshLayer[]): Host {
  const { key: name, keySpan: source, value } = entry;
  const short = value.kind === 'scalar' && !isNull(value);
  const fields = short ? undefined : Fields.open(ctx, entry, KEYS.host);
  const written = short ? entry : fields?.required('address', `the host "${name}"`);
  const address = written && readHostAddress(ctx, written.value, 'address');
  const link = fields?.text('interface', interfaceProblem);
  const ssh = readSsh(ctx, fields?.entry('ssh'));
  const host: Host = {
    name,
    cluster,
    address: address?.value.text ?? '',
    interface: link?.value ?? null,
    ssh: resolveSsh(ctx, [...layers, ssh], address?.value.text ?? ''),
    source,
  };
  ctx.places.set(host, 'address', address?.span);
  ctx.places.set(host, 'interface', link?.span);
  return host;
}
