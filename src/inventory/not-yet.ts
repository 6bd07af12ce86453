import type { SourceSpan } from '../base/diagnostic.js';
import type { Cluster, PackageWish } from './model.js';
import type { Places } from './places.js';
import type { Problems } from './problems.js';

interface NotYet {
  readonly what: string;
  readonly hint?: string;
  /** Where a cluster asks for it. */
  readonly uses: (cluster: Cluster, places: Places) => readonly (SourceSpan | false | undefined)[];
}

const isIpv6 = (address: string | null): boolean => address?.includes(':') === true;
const otherThanPresent = (wish: PackageWish): boolean => wish !== 'present';

/**
 * What the format has and nothing gives effect to: refused, never ignored. Support for one of these starts
 * with taking its entry out.
 */
const NOT_YET: readonly NotYet[] = [
  {
    what: '"config_file"',
    hint: 'describe frontends and backends in the inventory',
    uses: ({ haproxy }, places) => [places.get(haproxy, 'configFile')],
  },
  {
    what: 'an IPv6 address here',
    uses: ({ hosts, vrrpInstances, haproxy }, places) => [
      ...hosts.map((host) => isIpv6(host.address) && places.of(host, 'address')),
      ...hosts.map(({ ssh }) => isIpv6(ssh.hostname) && places.get(ssh, 'hostname')),
      ...vrrpInstances.flatMap((instance) =>
        instance.virtualIpaddress.map((vip) => vip.family === 6 && vip.source),
      ),
      ...haproxy.frontends.flatMap(({ bind }) =>
        bind.map(({ address, source }) => isIpv6(address) && source),
      ),
      haproxy.stats?.bind.startsWith('[') === true && places.get(haproxy.stats, 'bind'),
    ],
  },
  {
    what: '"unicast: true"',
    uses: ({ vrrpInstances }, places) =>
      vrrpInstances.map((instance) => instance.unicast && places.of(instance, 'unicast')),
  },
  {
    what: 'a password for "become"',
    hint: 'log in as root, or let sudo work without one (NOPASSWD)',
    uses: ({ hosts }, places) => hosts.map(({ ssh }) => places.get(ssh, 'becomePassword')),
  },
  {
    what: '"proxy_jump"',
    uses: ({ hosts }, places) => hosts.map(({ ssh }) => places.get(ssh, 'proxyJump')),
  },
  {
    what: 'a package wish other than "present"',
    uses: ({ system: { packages } }, places) => [
      otherThanPresent(packages.haproxy) && places.get(packages, 'haproxy'),
      otherThanPresent(packages.keepalived) && places.get(packages, 'keepalived'),
    ],
  },
];

export function refuseNotYetSupported(cluster: Cluster, places: Places, problems: Problems): void {
  for (const { what, hint, uses } of NOT_YET) {
    for (const source of uses(cluster, places)) {
      if (source) problems.error(source, 'not-supported-yet', `${what} is not supported yet`, hint);
    }
  }
}
