import * as z from 'zod';
import { ADVERT_INT, RANGE, type Range } from './limits.js';

/**
 * The format as a schema, for editors and JSON Schema. The readers take their keys and words from here; what
 * they say about a wrong value comes with its place, which a schema's messages do not.
 */

/** Any value may come from the environment. */
const reference = z.string().regex(/\$\{/);
const orNull = <T extends z.ZodType>(schema: T) => schema.nullable().optional();
const integer = ({ min, max }: Range) =>
  z.union([z.int().min(min).max(max), z.string().regex(/^-?\d+$/), reference]);
const boolean = z.union([z.boolean(), z.enum(['yes', 'no', 'true', 'false']), reference]);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/);
const text = z.union([z.string().min(1), z.number()]);
const lines = orNull(z.array(text));

export const STRICT_HOST_KEY_CHECKING = ['yes', 'ask', 'accept-new', 'no'] as const;
export const BECOME_METHODS = ['sudo'] as const;
export const FIREWALL = ['disable', 'open', 'keep'] as const;
export const SELINUX = ['disabled', 'permissive', 'enforcing', 'keep'] as const;
export const MODES = ['http', 'tcp'] as const;

const word = <const T extends readonly [string, ...string[]]>(words: T) =>
  orNull(z.union([z.enum(words), reference]));

const secretForms = {
  env: z.string().optional(),
  file: z.string().optional(),
  command: z.string().optional(),
  prompt: boolean.optional(),
};
export const secret = z.strictObject(secretForms).describe('Exactly one of env, file, command and prompt');

export const become = z.strictObject({ method: word(BECOME_METHODS), password: orNull(secret) });

export const ssh = z.strictObject({
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

export const host = z.strictObject({ address: z.string(), interface: orNull(text), ssh: orNull(ssh) });

export const packages = z.strictObject({ haproxy: orNull(text), keepalived: orNull(text) });
export const system = z.strictObject({
  firewall: word(FIREWALL),
  selinux: word(SELINUX),
  packages: orNull(packages),
});

export const vrrpInstance = z.strictObject({
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

export const check = z.strictObject({
  port: orNull(integer(RANGE.port)),
  interval: orNull(integer(RANGE.checkSeconds)),
  timeout: orNull(integer(RANGE.checkSeconds)),
  fall: orNull(integer(RANGE.checkCount)),
  rise: orNull(integer(RANGE.checkCount)),
  weight: orNull(integer(RANGE.checkWeight)),
});

export const frontend = z.strictObject({
  bind: z.array(z.union([z.int().min(RANGE.port.min).max(RANGE.port.max), z.string()])).min(1),
  mode: word(MODES),
  acl: lines,
  use_backend: lines,
  default_backend: orNull(text),
  lines,
});

export const server = z.strictObject({ address: z.string(), options: orNull(text) });

export const backend = z.strictObject({
  mode: word(MODES),
  balance: orNull(z.string()),
  option: lines,
  servers: z.record(name, z.union([z.string(), server])),
  lines,
});

export const stats = z.strictObject({ bind: orNull(z.string()), uri: orNull(z.string()) });

export const haproxy = z.strictObject({
  config_file: orNull(z.string()),
  global: lines,
  defaults: lines,
  frontends: orNull(z.record(name, frontend)),
  backends: orNull(z.record(name, backend)),
  stats: orNull(stats),
});

export const verify = z.strictObject({ url: orNull(z.string()), status: orNull(integer(RANGE.httpStatus)) });
export const drill = z.strictObject({ from: orNull(z.string()) });

export const cluster = z.strictObject({
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
export const inventorySchema = z
  .strictObject({ ssh: orNull(ssh), clusters: z.record(name, cluster) })
  .meta({ title: 'lbctl inventory', patternProperties: { '^x-': {} } });

export function keysOf(schema: z.ZodObject): string[] {
  return Object.keys(schema.shape);
}
