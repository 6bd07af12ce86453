import type { Secret } from '../base/secret.js';
import { Text } from '../base/text.js';
import type { Check, Cluster, Host, VrrpInstance } from '../inventory/model.js';
import { checkScriptPath, type Family, GENERATED, TRACK_FILES } from './platform.js';

export const VRRP_SCRIPT = 'lbctl_haproxy';

/** Seconds between gratuitous ARPs of a MASTER: clients that missed the first ones learn the address again. */
const GARP_MASTER_REFRESH = 10;

export interface KeepalivedInput {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly family: Family;
  /** By instance name: where each runs on this host. */
  readonly interfaces: Readonly<Record<string, string>>;
  /** By instance name: the resolved `auth_pass`. */
  readonly authPass: ReadonlyMap<string, Secret>;
}

/** keepalived.conf of one host. Accepted by keepalived 2.1 to 2.3. */
export function renderKeepalived(input: KeepalivedInput): Text {
  const { cluster, host, family } = input;
  const parts: (string | Text)[] = [
    `${GENERATED}\n\n${globalDefs(host)}\n${checkBlock(cluster.check, family)}\n${trackFileBlocks()}`,
    ...cluster.vrrpInstances.map((instance) => instanceBlock(instance, input)),
  ];
  return Text.join(parts, '\n');
}

export function priorityOf(instance: VrrpInstance, host: string): number {
  const priority = instance.priority[host];
  if (priority === undefined) throw new Error(`instance ${instance.name} has no priority for ${host}`);
  return priority;
}

/** The host that should hold the instance's addresses: the best priority. */
export function preferredHost(instance: VrrpInstance): string {
  const [first] = Object.entries(instance.priority).sort((a, b) => b[1] - a[1]);
  if (first === undefined) throw new Error(`instance ${instance.name} has no priorities`);
  return first[0];
}

function globalDefs(host: Host): string {
  // script_user root: with an unprivileged user keepalived 2.2.7's own `-t` kills itself.
  // After a healed partition both are MASTER. The one that gives way sends an advert first (higher_prio_send_advert), or
  // the winner would never hear of it; that one repeats its ARP at once (garp_lower_prio_delay 0), or clients would go
  // on asking the other until the next refresh.
  return `global_defs {
    router_id ${host.name}
    enable_script_security
    script_user root
    vrrp_garp_lower_prio_delay 0
    vrrp_higher_prio_send_advert true
    vrrp_garp_master_refresh ${GARP_MASTER_REFRESH}
}
`;
}

function checkBlock(check: Check, family: Family): string {
  const weight = check.weight === 0 ? '' : `    weight ${check.weight}\n`;
  return `vrrp_script ${VRRP_SCRIPT} {
    script "${checkScriptPath(family)}"
    interval ${check.interval}
    timeout ${check.timeout}
    fall ${check.fall}
    rise ${check.rise}
${weight}}
`;
}

/** By the word that every keepalived since 2.1 knows; 2.2 logs that it prefers another one, which 2.1 lacks. */
function trackFileBlocks(): string {
  return Object.values(TRACK_FILES)
    .map(({ name, path }) => `vrrp_track_file ${name} {\n    file ${path}\n}\n`)
    .join('');
}

function instanceBlock(instance: VrrpInstance, input: KeepalivedInput): Text {
  const { host } = input;
  const networkInterface = input.interfaces[instance.name];
  if (networkInterface === undefined) throw new Error(`no interface known for instance ${instance.name}`);
  // Always a priority: without one keepalived becomes address owner at 255 and ignores every check.
  // keepalived clears a preempt_delay where the initial state is MASTER, and ignores nopreempt there.
  const waits = !instance.preempt || instance.preemptDelay > 0;
  const startsAsMaster = !waits && preferredHost(instance) === host.name;
  const lines = [
    `    state ${startsAsMaster ? 'MASTER' : 'BACKUP'}`,
    `    interface ${networkInterface}`,
    `    version ${instance.version}`,
    `    virtual_router_id ${instance.virtualRouterId}`,
    `    priority ${priorityOf(instance, host.name)}`,
    `    advert_int ${instance.advertInt}`,
    ...(instance.preempt ? [] : ['    nopreempt']),
    ...(instance.preempt && instance.preemptDelay > 0 ? [`    preempt_delay ${instance.preemptDelay}`] : []),
    ...(instance.unicast ? unicastLines(input) : []),
  ];
  return Text.of(
    `vrrp_instance ${instance.name} {\n${lines.join('\n')}\n`,
    ...authentication(input.authPass.get(instance.name)),
    block(
      'virtual_ipaddress',
      instance.virtualIpaddress.map((vip) => `${vip.address}/${vip.prefix}`),
    ),
    block('track_script', [VRRP_SCRIPT]),
    // The check's own weight, so that HAProxy stopped means the same as HAProxy found dead: 0 is FAULT, at once. The
    // other file's value is added to the priority as it stands.
    block('track_file', [
      `${TRACK_FILES.down.name} weight ${input.cluster.check.weight}`,
      `${TRACK_FILES.switchover.name} weight 1`,
    ]),
    '}\n',
  );
}

function unicastLines({ cluster, host }: KeepalivedInput): string[] {
  const peers = cluster.hosts.filter((other) => other.name !== host.name).map((other) => other.address);
  return [`    unicast_src_ip ${host.address}`, block('unicast_peer', peers).trimEnd()];
}

function authentication(authPass: Secret | undefined): (string | Secret)[] {
  if (authPass === undefined) return [];
  return ['    authentication {\n        auth_type PASS\n        auth_pass ', authPass, '\n    }\n'];
}

function block(name: string, lines: readonly string[]): string {
  return `    ${name} {\n${lines.map((line) => `        ${line}\n`).join('')}    }\n`;
}
