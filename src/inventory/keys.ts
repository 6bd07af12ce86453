/**
 * The keys of each mapping of an inventory, and the words that some take. Plain lists: every command reads an inventory,
 * and the schema library alone would be a fifth of its start. `schema.ts` is held to them by their types.
 */
export const KEYS = {
  inventory: ['ssh', 'clusters'],
  cluster: ['ssh', 'hosts', 'system', 'vrrp_instances', 'check', 'haproxy', 'verify', 'drill'],
  ssh: [
    'user',
    'port',
    'hostname',
    'identity_file',
    'known_hosts_file',
    'strict_host_key_checking',
    'proxy_jump',
    'connect_timeout',
    'become',
  ],
  become: ['method', 'password'],
  secret: ['env', 'file', 'command', 'prompt'],
  host: ['address', 'interface', 'ssh'],
  system: ['firewall', 'selinux', 'packages'],
  packages: ['haproxy', 'keepalived'],
  vrrpInstance: [
    'interface',
    'virtual_router_id',
    'advert_int',
    'auth_pass',
    'preempt',
    'preempt_delay',
    'unicast',
    'priority',
    'virtual_ipaddress',
  ],
  check: ['port', 'interval', 'timeout', 'fall', 'rise', 'weight'],
  haproxy: ['config_file', 'global', 'defaults', 'frontends', 'backends', 'stats'],
  frontend: ['bind', 'mode', 'acl', 'use_backend', 'default_backend', 'lines'],
  backend: ['mode', 'balance', 'option', 'servers', 'lines'],
  server: ['address', 'options'],
  stats: ['bind', 'uri'],
  verify: ['url', 'status'],
  drill: ['from'],
} as const;

export const STRICT_HOST_KEY_CHECKING = ['yes', 'ask', 'accept-new', 'no'] as const;
export const BECOME_METHODS = ['sudo'] as const;
export const FIREWALL = ['disable', 'open', 'keep'] as const;
export const SELINUX = ['disabled', 'permissive', 'enforcing', 'keep'] as const;
export const MODES = ['http', 'tcp'] as const;
