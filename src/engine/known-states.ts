import { type FirewallState, firewallStateProbe } from '../resources/firewall.js';
import { packagesProbe } from '../resources/packages.js';
import { osProbe } from '../resources/probes/os.js';
import { type ServiceFacts, serviceProbe } from '../resources/probes/service.js';
import { selinuxProbe } from '../resources/selinux.js';
import { type Facts, type Probe, UnknownFact } from '../resources/types.js';

/** What a look under the lock has shown of the states that are kept before a change: it is not asked again. */
export interface KnownStates {
  /** `KEY=VALUE`, as `keepScript` writes them. */
  readonly lines: readonly string[];
  readonly units: readonly string[];
  readonly packages: readonly string[];
  /** Its mode and its booleans. */
  readonly selinux: boolean;
}

export const NOTHING_KNOWN: KnownStates = { lines: [], units: [], packages: [], selinux: false };

export function knownStates(facts: Facts): KnownStates {
  const units = [
    unit('haproxy', known(facts, serviceProbe('haproxy'))),
    unit('keepalived', known(facts, serviceProbe('keepalived'))),
    unit('firewalld', known(facts, firewallStateProbe)?.unit ?? null),
  ].filter((it) => it !== null);
  const packages = packageLines(facts);
  const selinux = selinuxLines(facts);
  return {
    lines: [...units.flatMap((it) => it.lines), ...packages.map((it) => it.line), ...(selinux ?? [])],
    units: units.map((it) => it.name),
    packages: packages.map((it) => it.name),
    selinux: selinux !== null,
  };
}

function known<F>(facts: Facts, probe: Probe<F>): F | null {
  try {
    return facts.need(probe);
  } catch (error) {
    if (error instanceof UnknownFact) return null;
    throw error;
  }
}

type UnitFacts = Pick<ServiceFacts, 'load' | 'active' | 'enabled'> | FirewallState['unit'] | null;

function unit(name: string, found: UnitFacts): { name: string; lines: string[] } | null {
  if (found?.load === undefined) return null;
  const { load, active, enabled } = found;
  return {
    name,
    lines: [`${name}.LoadState=${load}`, `${name}.ActiveState=${active}`, `${name}.UnitFileState=${enabled}`],
  };
}

/** Of those that are installed. */
function packageLines(facts: Facts): { name: string; line: string }[] {
  const installed = known(facts, packagesProbe);
  const family = known(facts, osProbe)?.family ?? null;
  if (installed === null || family === null) return [];
  return Object.entries(installed).map(([name, version]) => ({
    name,
    line: `package.${name}=${family === 'debian' ? `installed ${version}` : `${name}-${version}`}`,
  }));
}

/** Where it is off; which booleans are on is not known of any other. */
function selinuxLines(facts: Facts): string[] | null {
  const found = known(facts, selinuxProbe);
  if (found === null) return null;
  return found.mode === null ? [] : found.mode === 'Disabled' ? ['selinux=Disabled'] : null;
}
