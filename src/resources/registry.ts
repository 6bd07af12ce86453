import { checkFirst } from './check-first.js';
import { checkScriptResource } from './check-script.js';
import { firewallResource } from './firewall.js';
import { haproxyConfigResource } from './haproxy-config.js';
import { keepalivedConfigResource } from './keepalived-config.js';
import { membersResource } from './members.js';
import { packagesResource, packageUpgradesResource } from './packages.js';
import { selinuxResource } from './selinux.js';
import { serviceResource } from './service.js';
import { sysctlResource } from './sysctl.js';
import { systemdDropInResource } from './systemd-dropin.js';
import { takeoverScriptResource } from './takeover-script.js';
import type { Resource, ResourceContext } from './types.js';

/** A resource type as playbooks name it, with what its arguments may be. */
export interface ResourceType {
  /** Argument names with the values that each takes; every one is required. */
  readonly args: Readonly<Record<string, readonly string[]>>;
  make(args: Readonly<Record<string, string>>, context: ResourceContext): Resource;
}

const SERVICES = ['haproxy', 'keepalived'] as const;

function service(args: Readonly<Record<string, string>>): 'haproxy' | 'keepalived' {
  return args.name === 'keepalived' ? 'keepalived' : 'haproxy';
}

/** A new resource type is one file and one line here. */
export const RESOURCE_TYPES: Readonly<Record<string, ResourceType>> = {
  firewall: { args: {}, make: (_, context) => firewallResource(context) },
  selinux: { args: {}, make: (_, context) => selinuxResource(context) },
  packages: { args: {}, make: (_, context) => packagesResource(context) },
  package_versions: { args: {}, make: (_, context) => packageUpgradesResource(context) },
  sysctl: { args: {}, make: (_, context) => sysctlResource(context) },
  haproxy_config: { args: {}, make: (_, context) => haproxyConfigResource(context) },
  members: { args: {}, make: (_, context) => membersResource(context) },
  check_script: { args: {}, make: (_, context) => checkScriptResource(context) },
  takeover_script: { args: {}, make: (_, context) => takeoverScriptResource(context) },
  keepalived_config: { args: {}, make: (_, context) => keepalivedConfigResource(context) },
  systemd_dropin: { args: { name: SERVICES }, make: (args) => systemdDropInResource(service(args)) },
  service: {
    args: { name: SERVICES },
    make: (args, { watches = [], cluster }) =>
      serviceResource(service(args), {
        watches,
        beforeStart: service(args) === 'keepalived' ? [checkFirst(cluster.check.timeout)] : [],
      }),
  },
};
