import { err, ok } from '../base/result.js';
import { joinCommands, raw, sh } from '../base/shell.js';
import { isLoopback } from '../inventory/addresses.js';
import type { Cluster } from '../inventory/model.js';
import { boundPorts, virtualAddresses } from '../render/binds.js';
import { type InterfaceFacts, interfaceFor, networkProbe } from './probes/network.js';
import { unitProperties } from './probes/units.js';
import {
  NOTHING,
  type Planned,
  type Probe,
  planned,
  type Resource,
  type ResourceContext,
  type Step,
} from './types.js';
import { openUfw, ufwProbe } from './ufw.js';

interface ZoneFacts {
  readonly protocols: readonly string[];
  /** `80/tcp` */
  readonly ports: readonly string[];
  readonly target: string;
}

export interface FirewalldFacts {
  readonly installed: boolean;
  /** By `firewall-cmd --state`: systemd may call it active while it is dead. */
  readonly running: boolean;
  readonly enabled: boolean;
  /** By interface; `default` for the rest. Empty while it does not run. */
  readonly zoneOf: Readonly<Record<string, string>>;
  readonly runtime: Readonly<Record<string, ZoneFacts>>;
  readonly permanent: Readonly<Record<string, ZoneFacts>>;
}

/** Whether there is anything to switch off. */
export interface FirewallState extends Pick<FirewalldFacts, 'running' | 'enabled'> {
  readonly ufwActive: boolean;
  /** firewalld's, as systemd prints them: LoadState, ActiveState, UnitFileState. */
  readonly unit?: { readonly load: string; readonly active: string; readonly enabled: string };
}

/** systemd's word is enough here: what it calls active is switched off whether it works or not. */
export const firewallStateProbe: Probe<FirewallState> = {
  key: 'firewall-state',
  asksUnit: 'firewalld',
  script: sh`${unitProperties('firewalld')} || exit 1
echo "$unit"
if command -v ufw >/dev/null; then echo "ufw=$(ufw status | sed -n 's/^Status: //p')"; fi`,
  parse({ stdout, stderr, exitCode }) {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1];
    const [load, active, ufw] = [value('LoadState'), value('ActiveState'), value('ufw')];
    const enabled = value('UnitFileState') ?? '';
    if (exitCode !== 0 || active === undefined)
      return err(`systemd could not be asked about firewalld: ${stderr.trim()}`);
    if (ufw !== undefined && ufw !== 'active' && ufw !== 'inactive')
      return err('`ufw status` gave no answer');
    return ok({
      running: active !== 'inactive' && active !== 'failed',
      enabled: enabled === 'enabled',
      ufwActive: ufw === 'active',
      ...(load !== undefined && { unit: { load, active, enabled } }),
    });
  },
};

/** firewall-cmd takes 0.2 s a call: it is asked only while systemd does not say that firewalld is off. */
export const firewalldProbe: Probe<FirewalldFacts> = {
  key: 'firewalld',
  script: raw(`command -v firewall-cmd >/dev/null || { echo 'installed no'; exit 0; }
echo 'installed yes'
echo "enabled $(systemctl is-enabled firewalld 2>/dev/null)"
case $(systemctl is-active firewalld) in inactive|failed) echo 'state not running'; exit 0 ;; esac
state=$(timeout 20 firewall-cmd --state 2>&1)
echo "state $state"
[ "$state" = running ] || exit 0
set -e
echo "default $(timeout 20 firewall-cmd --get-default-zone)"
timeout 20 firewall-cmd --get-active-zones | awk '/^[^ ]/{z=$1} /^ +interfaces:/{for(i=2;i<=NF;i++)print "zone",$i,z}'
timeout 20 firewall-cmd --list-all-zones | sed 's/^/runtime /'
timeout 20 firewall-cmd --permanent --list-all-zones | sed 's/^/permanent /'`),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`firewalld could not be asked: ${stderr.trim()}`);
    const value = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(stdout)?.[1]?.trim() ?? '';
    const zoneOf: Record<string, string> = { default: value('default') };
    for (const [, device = '', zone = ''] of stdout.matchAll(/^zone (\S+) (\S+)$/gm)) zoneOf[device] = zone;
    const [installed, state] = [value('installed'), value('state')];
    const runtime = parseZones(stdout, 'runtime');
    const permanent = parseZones(stdout, 'permanent');
    if (installed !== 'yes' && installed !== 'no') return err('the answer about firewalld was cut short');
    // `failed`: it runs, but could not load all of its rules.
    if (installed === 'yes' && !['running', 'not running', 'failed'].includes(state)) {
      return err(`\`firewall-cmd --state\` says "${state}"`);
    }
    const zones = [zoneOf.default, ...Object.values(zoneOf)].filter((zone) => zone !== undefined);
    if (
      state === 'running' &&
      !zones.every((zone) => runtime[zone] !== undefined && permanent[zone] !== undefined)
    ) {
      return err("firewalld's zones could not be read");
    }
    return ok({
      installed: installed === 'yes',
      running: state === 'running' || state === 'failed',
      enabled: value('enabled') === 'enabled',
      zoneOf,
      runtime,
      permanent,
    });
  },
};

function parseZones(stdout: string, kind: 'runtime' | 'permanent'): Record<string, ZoneFacts> {
  const zones: Record<string, { protocols: string[]; ports: string[]; target: string }> = {};
  let current = '';
  for (const line of stdout.split('\n')) {
    if (!line.startsWith(`${kind} `)) continue;
    const text = line.slice(kind.length + 1);
    const head = /^(\S+)/.exec(text)?.[1];
    if (head !== undefined) {
      current = head;
      zones[current] = { protocols: [], ports: [], target: 'default' };
      continue;
    }
    const zone = zones[current];
    const [, key, rest = ''] = /^\s+([a-z-]+): *(.*)$/.exec(text) ?? [];
    if (zone === undefined || key === undefined) continue;
    const words = rest.split(/\s+/).filter(Boolean);
    if (key === 'protocols') zone.protocols = words;
    if (key === 'ports') zone.ports = words;
    if (key === 'target') zone.target = rest.trim();
  }
  return zones;
}

/** `system.firewall`: switched off, opened for VRRP and the bound ports, or left as it is. */
export function firewallResource({ cluster, host }: ResourceContext): Resource {
  const wish = cluster.system.firewall;
  return {
    id: 'firewall',
    probes:
      wish === 'keep'
        ? []
        : wish === 'disable'
          ? [firewallStateProbe]
          : [firewalldProbe, ufwProbe, networkProbe],
    plan(facts) {
      if (wish === 'keep') return NOTHING;
      if (wish === 'disable') return planDisable(facts.need(firewallStateProbe));
      const ports = openPorts(cluster);
      const families = new Set(virtualAddresses(cluster).map(({ family }) => family));
      const opened = [
        openUfw(facts.need(ufwProbe), { ports, families: [...families] }),
        openFirewalld(facts.need(firewalldProbe), facts.need(networkProbe), { cluster, host }),
      ];
      const steps = opened.flatMap((it) => it.steps);
      if (steps.length === 0) return NOTHING;
      return planned({
        resource: 'firewall',
        title: 'let VRRP and the bound ports through the firewall',
        verb: 'update',
        reason: opened.flatMap((it) => it.missing).join('; '),
        steps,
      });
    },
  };
}

/** Every TCP port that others than the host itself reach. */
function openPorts(cluster: Cluster): number[] {
  const reached = boundPorts(cluster).filter(({ address }) => address === null || !isLoopback(address));
  return [...new Set(reached.map(({ port }) => port))];
}

function planDisable(found: FirewallState): Planned {
  const steps: Step[] = [];
  const what: string[] = [];
  if (found.running || found.enabled) {
    what.push(
      `firewalld is ${found.running ? 'running' : 'stopped'} and ${found.enabled ? 'enabled' : 'disabled'}`,
    );
    steps.push({
      title: 'switch firewalld off',
      script: raw('timeout 60 systemctl disable --now firewalld'),
      limit: 90,
    });
  }
  if (found.ufwActive) {
    what.push('ufw is active');
    steps.push({ title: 'switch ufw off', script: raw('timeout 60 ufw disable'), limit: 90 });
  }
  if (steps.length === 0) return NOTHING;
  return planned({
    resource: 'firewall',
    title: 'switch the firewall off',
    verb: 'update',
    reason: what.join(', '),
    steps,
    notice:
      'the firewall is switched off here (`system.firewall: disable`); `firewall: open` would keep it and let VRRP and the bound ports through',
  });
}

function openFirewalld(
  found: FirewalldFacts,
  interfaces: readonly InterfaceFacts[],
  { cluster, host }: Pick<ResourceContext, 'cluster' | 'host'>,
): { steps: Step[]; missing: string[] } {
  const steps: Step[] = [];
  const missing: string[] = [];
  if (!found.running) return { steps, missing };
  const devices = cluster.vrrpInstances
    .map((instance) => interfaceFor(instance, host, interfaces))
    .filter((device) => device !== undefined);
  const zones = new Set(devices.map((device) => found.zoneOf[device] ?? found.zoneOf.default ?? 'public'));
  const ports = openPorts(cluster).map((port) => `${port}/tcp`);
  for (const zone of zones) {
    for (const [kind, flag, known] of [
      ['permanent', '--permanent', found.permanent[zone]],
      ['runtime', '', found.runtime[zone]],
    ] as const) {
      if (known?.target === 'ACCEPT') continue;
      const protocols = known?.protocols.includes('vrrp') === true ? [] : ['--add-protocol=vrrp'];
      const opens = ports
        .filter((port) => known?.ports.includes(port) !== true)
        .map((port) => `--add-port=${port}`);
      const wanted = [...protocols, ...opens];
      if (wanted.length === 0) continue;
      missing.push(
        `zone ${zone} (${kind}) lacks ${wanted.map((it) => it.replace(/^--add-\w+=/, '')).join(', ')}`,
      );
      // firewall-cmd refuses protocols and ports in one call.
      const calls = [protocols, opens].filter((options) => options.length > 0);
      steps.push({
        title: `open zone ${zone} (${kind})`,
        script: joinCommands([
          raw('set -e'),
          ...calls.map(
            (options) =>
              sh`timeout 60 firewall-cmd -q ${[...(flag === '' ? [] : [flag]), `--zone=${zone}`, ...options]}`,
          ),
        ]),
        limit: 120,
      });
    }
  }
  return { steps, missing };
}
