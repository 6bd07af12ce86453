import { BECOME_METHODS, KEYS, STRICT_HOST_KEY_CHECKING } from '../keys.js';
import { RANGE } from '../limits.js';
import type { SecretRef, SshSettings, StrictHostKeyChecking } from '../model.js';
import { destinationProblem, userProblem } from '../words.js';
import { type Entry, isNull } from '../yaml/tree.js';
import { readHostname } from './addresses.js';
import type { Context, Located } from './context.js';
import { Fields } from './fields.js';
import { describeLiteral, readSecretRef } from './secret-ref.js';

interface SshValues {
  user: string;
  hostname: string;
  port: number;
  identityFile: string;
  knownHostsFile: string;
  strictHostKeyChecking: StrictHostKeyChecking;
  proxyJump: string;
  connectTimeout: number;
  becomePassword: SecretRef;
}

/** One `ssh` block: what it sets, and (null) what it sets back to ssh's own ways. */
export type SshLayer = { readonly [K in keyof SshValues]?: Located<SshValues[K]> | null };

function jumpProblem(text: string): string | undefined {
  for (const hop of text.split(',')) {
    const problem = destinationProblem(hop.trim());
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function readSsh(ctx: Context, entry: Entry | undefined): SshLayer {
  const fields = entry && Fields.open(ctx, entry, KEYS.ssh);
  if (fields === undefined) return {};
  const becomeFields = fields.fields('become', KEYS.become);
  becomeFields?.choice('method', BECOME_METHODS);
  const hostnameEntry = fields.entry('hostname');
  return {
    ...layer('user', fields, 'user', fields.text('user', userProblem)),
    ...layer(
      'hostname',
      fields,
      'hostname',
      hostnameEntry && readHostname(ctx, hostnameEntry.value, 'hostname'),
    ),
    ...layer('port', fields, 'port', fields.integer('port', RANGE.port)),
    ...layer('identityFile', fields, 'identity_file', fields.path('identity_file')),
    ...layer('knownHostsFile', fields, 'known_hosts_file', fields.path('known_hosts_file')),
    ...layer(
      'strictHostKeyChecking',
      fields,
      'strict_host_key_checking',
      fields.choice('strict_host_key_checking', STRICT_HOST_KEY_CHECKING),
    ),
    ...layer('proxyJump', fields, 'proxy_jump', fields.text('proxy_jump', jumpProblem)),
    ...layer(
      'connectTimeout',
      fields,
      'connect_timeout',
      fields.integer('connect_timeout', RANGE.connectTimeout),
    ),
    ...(becomeFields && layer('becomePassword', becomeFields, 'password', readPassword(ctx, becomeFields))),
  };
}

/** A key that is there but says nothing wins over the block above; one that is not there does not. */
function layer<K extends keyof SshValues>(
  name: K,
  fields: Fields,
  key: string,
  value: Located<SshValues[K]> | undefined,
): SshLayer {
  if (value !== undefined) return { [name]: value };
  const entry = fields.entries.get(key);
  return entry !== undefined && isNull(entry.value) ? { [name]: null } : {};
}

function readPassword(ctx: Context, fields: Fields): Located<SecretRef> | undefined {
  const entry = fields.entry('password');
  const value = entry && readSecretRef(ctx, entry);
  if (entry === undefined || value === undefined) return undefined;
  if (value.kind !== 'literal') return { value, span: entry.keySpan };
  const hint = 'use {env: NAME}, {file: PATH}, {command: "…"} or {prompt: true}';
  ctx.problems.error(entry.keySpan, 'literal-secret', describeLiteral('password'), hint);
  return undefined;
}

/**
 * The blocks of inventory, cluster and host (in this order) as one: the later wins, key by key.
 * @param address where SSH goes when no block has a hostname; may be '' where it was wrong
 */
export function resolveSsh(ctx: Context, layers: readonly SshLayer[], address: string): SshSettings {
  const merged: SshLayer = Object.assign({}, ...layers);
  const settings: SshSettings = {
    user: merged.user?.value ?? null,
    hostname: merged.hostname?.value ?? address,
    port: merged.port?.value ?? null,
    identityFile: merged.identityFile?.value ?? null,
    knownHostsFile: merged.knownHostsFile?.value ?? null,
    strictHostKeyChecking: merged.strictHostKeyChecking?.value ?? null,
    proxyJump: merged.proxyJump?.value ?? null,
    connectTimeout: merged.connectTimeout?.value ?? null,
    become: { method: 'sudo', password: merged.becomePassword?.value ?? null },
  };
  ctx.places.set(settings, 'hostname', merged.hostname?.span);
  ctx.places.set(settings, 'proxyJump', merged.proxyJump?.span);
  ctx.places.set(settings, 'becomePassword', merged.becomePassword?.span);
  return settings;
}
