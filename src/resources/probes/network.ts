import { inSubnet, sameAddress } from '../../base/addresses.js';
import { err, ok } from '../../base/result.js';
import { raw } from '../../base/shell.js';
import type { Host, VrrpInstance } from '../../inventory/model.js';
import type { Probe } from '../types.js';

export interface InterfaceFacts {
  readonly name: string;
  readonly up: boolean;
  /** Hardware address, lower case; null where it has none. */
  readonly mac: string | null;
  readonly addresses: readonly { readonly address: string; readonly prefix: number }[];
  /** Addresses that the host has given up, and whose packets it still takes for a moment; left out where there are none. */
  readonly lingering?: readonly string[];
}

interface IpAddrEntry {
  readonly ifname?: unknown;
  readonly flags?: unknown;
  readonly address?: unknown;
  readonly addr_info?: unknown;
}

/** Every interface with its addresses, as `ip -j addr` tells it (iproute2 4.18 and later). */
export const networkProbe: Probe<readonly InterfaceFacts[]> = {
  key: 'network',
  // For others to look into.
  ahead: raw('asked_network=$(ip -j addr show 2>/dev/null) || asked_network='),
  script: raw(
    `if [ -n "\${asked_network:-}" ]; then printf '%s\\n' "$asked_network"; else ip -j addr show; fi`,
  ),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`\`ip -j addr show\` failed with exit code ${exitCode}: ${stderr.trim()}`);
    try {
      const entries: unknown = JSON.parse(stdout);
      if (!Array.isArray(entries)) return err('`ip -j addr show` did not print a list');
      const found = entries.map((entry: IpAddrEntry) => parseEntry(entry)).filter((entry) => entry !== null);
      // Every host has at least lo.
      return found.length > 0 ? ok(found) : err('`ip -j addr show` named no interface');
    } catch {
      return err('`ip -j addr show` did not print JSON');
    }
  },
};

function parseEntry(entry: IpAddrEntry): InterfaceFacts | null {
  if (typeof entry.ifname !== 'string') return null;
  const flags = Array.isArray(entry.flags) ? entry.flags : [];
  const infos: readonly { local?: unknown; prefixlen?: unknown; dynamic?: unknown }[] = Array.isArray(
    entry.addr_info,
  )
    ? entry.addr_info
    : [];
  const own = infos.flatMap(({ local, prefixlen, dynamic }) =>
    typeof local === 'string' && typeof prefixlen === 'number'
      ? // With a life time on lo an address only lingers: the host serves on until another one has it (takeover-script.ts).
        [{ address: local, prefix: prefixlen, lingers: entry.ifname === 'lo' && dynamic === true }]
      : [],
  );
  const lingering = own.filter((it) => it.lingers).map((it) => it.address);
  return {
    name: entry.ifname,
    // LOWER_UP: the cable is in; UP alone says only that it was switched on.
    up: flags.includes('UP') && flags.includes('LOWER_UP'),
    mac: typeof entry.address === 'string' ? entry.address.toLowerCase() : null,
    addresses: own.filter((it) => !it.lingers).map(({ address, prefix }) => ({ address, prefix })),
    ...(lingering.length === 0 ? {} : { lingering }),
  };
}

export function holds(interfaces: readonly InterfaceFacts[], address: string): boolean {
  return interfaces.some((it) => it.addresses.some((own) => sameAddress(own.address, address)));
}

/**
 * Where an instance runs on a host: the instance's own `interface`, else the host's, else the one whose subnet
 * holds the first virtual address. Undefined: no interface of the host is on that subnet.
 */
export function interfaceFor(
  instance: VrrpInstance,
  host: Host,
  interfaces: readonly InterfaceFacts[],
): string | undefined {
  const named = instance.interface ?? host.interface;
  if (named !== null) return named;
  const first = instance.virtualIpaddress[0];
  if (first === undefined) return undefined;
  const byAddress = interfaces.find((it) => it.addresses.some((own) => own.address === host.address));
  const onSubnet = (it: InterfaceFacts) =>
    it.addresses.some(
      (own) => own.address !== first.address && inSubnet(first.address, own.address, own.prefix),
    );
  if (byAddress !== undefined && onSubnet(byAddress)) return byAddress.name;
  return interfaces.find(onSubnet)?.name;
}
