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

const otherThanPresent = (wish: PackageWish): boolean => wish !== 'present';

/**
 * What the format has and nothing gives effect to: refused, never ignored. Support for one of these starts
 * with taking its entry out.
 */
const NOT_YET: readonly NotYet[] = [
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
