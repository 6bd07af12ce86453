import * as z from 'zod';
import { BECOME_METHODS, FIREWALL, type KEYS, MODES, SELINUX, STRICT_HOST_KEY_CHECKING } from './keys.js';
import { ADVERT_INT, RANGE, type Range } from './limits.js';

/**
 * The format as a schema, for editors and JSON Schema. The readers do without it: what they say about a wrong value
 * comes with its place, which a schema's messages do not.
 */

type Kind = keyof typeof KEYS;

/** A mapping with exactly the keys that the readers know. */
const mapping = <K extends Kind>(_kind: K, shape: Record<(typeof KEYS)[K][number], z.ZodType>) =>
  z.strictObject(shape);

/** Any value may come from the environment. */
const reference = z.string().regex(/\$\{/);
const orNull = <T extends z.ZodType>(schema: T) => schema.nullable().optional();
const integer = ({ min, max }: Range) =>
  z.union([z.int().min(min).max(max), z.string().regex(/^-?\d+$/), reference]);
const boolean = z.union([z.boolean(), z.enum(['yes', 'no', 'true', 'false']), reference]);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/);
const text = z.union([z.string().min(1), z.number()]);
const lines = orNull(z.array(text));

const word = <const T extends readonly [string, ...string[]]>(words: T) =>
  orNull(z.union([z.enum(words), reference]));

const secret = mapping('secret', {
  env: z.string().optional(),
  file: z.string().optional(),
  command: z.string().optional(),
  prompt: boolean.optional(),
}).describe('Exactly one of env, file, command and prompt');

const become = mapping('become', { method: word(BECOME_METHODS), password: orNull(secret) });

const ssh = mapping('ssh', {
  user: orNull(text),
  port: orNull(integer(RANGE.port)),
  hostname: orNull(z.string()),
  identity_file: orNull(z.string()),
  known_hosts_file: orNull(z.string()),
  strict_host_key_checking: word(STRICT_HOST_KEY_CHECKING),
  proxy_jump: orNull(z.string()),
  connect_timeout: orNull(integer(RANGE.connectTimeout)),
  become: orNull(become),
});

const host = mapping('host', { address: z.string(), interface: orNull(text), ssh: orNull(ssh) });

const packages = mapping('packages', { haproxy: orNull(text), keepalived: orNull(text) });
const system = mapping('system', {
  firewall: word(FIREWALL),
  selinux: word(SELINUX),
  packages: orNull(packages),
});

const vrrpInstance = mapping('vrrpInstance', {
  interface: orNull(text),
  virtual_router_id: orNull(integer(RANGE.virtualRouterId)),
  advert_int: orNull(z.union([z.number().min(ADVERT_INT.v3Step).max(ADVERT_INT.v2Max), z.string()])),
  auth_pass: orNull(z.union([text, secret])),
  preempt: orNull(boolean),
  preempt_delay: orNull(integer(RANGE.preemptDelay)),
  unicast: orNull(boolean),
  priority: orNull(z.record(name, integer(RANGE.priority))),
  virtual_ipaddress: z.array(z.string()).min(1),
});

const check = mapping('check', {
  port: orNull(integer(RANGE.port)),
  interval: orNull(integer(RANGE.checkSeconds)),
  timeout: orNull(integer(RANGE.checkSeconds)),
  fall: orNull(integer(RANGE.checkCount)),
  rise: orNull(integer(RANGE.checkCount)),
  weight: orNull(integer(RANGE.checkWeight)),
});

const frontend = mapping('frontend', {
  bind: z.array(z.union([z.int().min(RANGE.port.min).max(RANGE.port.max), z.string()])).min(1),
  mode: word(MODES),
  acl: lines,
  use_backend: lines,
  default_backend: orNull(text),
  lines,
});

const server = mapping('server', { address: z.string(), options: orNull(text) });

const backend = mapping('backend', {
  mode: word(MODES),
  balance: orNull(z.string()),
  option: lines,
  servers: z.record(name, z.union([z.string(), server])),
  lines,
});

const stats = mapping('stats', { bind: orNull(z.string()), uri: orNull(z.string()) });

const haproxy = mapping('haproxy', {
  config_file: orNull(z.string()),
  global: lines,
  defaults: lines,
  frontends: orNull(z.record(name, frontend)),
  backends: orNull(z.record(name, backend)),
  stats: orNull(stats),
});

const verify = mapping('verify', { url: orNull(z.string()), status: orNull(integer(RANGE.httpStatus)) });
const drill = mapping('drill', { from: orNull(z.string()) });

const cluster = mapping('cluster', {
  ssh: orNull(ssh),
  hosts: z.record(name, z.union([z.string(), host])),
  system: orNull(system),
  vrrp_instances: z.record(name, vrrpInstance),
  check: orNull(check),
  haproxy,
  verify: orNull(verify),
  drill: orNull(drill),
});

/** The whole file, as a YAML 1.2 parser gives it, merges done. */
export const inventorySchema = mapping('inventory', {
  ssh: orNull(ssh),
  clusters: z.record(name, cluster),
}).meta({ title: 'lbctl inventory', patternProperties: { '^x-': {} } });
