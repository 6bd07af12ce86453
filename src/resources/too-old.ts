import type { Diagnostic } from '../base/diagnostic.js';
import type { PackageWish } from '../inventory/model.js';
import { withoutEpoch } from './package-versions.js';

/** The first versions that understand every word of the generated configurations. */
const SINCE = { haproxy: '1.8', keepalived: '2.1' } as const;

/** @param version what will be there in the end; undefined: not known yet */
export function tooOld(
  name: keyof typeof SINCE,
  version: string | undefined,
  wish: PackageWish,
): Diagnostic[] {
  if (version === undefined) return [];
  const [major = 0, minor = 0] = withoutEpoch(version)
    .split('.')
    .map((it) => Number.parseInt(it, 10));
  const [first = 0, second = 0] = SINCE[name].split('.').map(Number);
  if (!(major < first || (major === first && minor < second))) return [];
  return [
    {
      severity: 'error',
      code: 'version-too-old',
      summary: `${name} ${version} is too old: what lbctl writes needs ${SINCE[name]} or later`,
      hint:
        typeof wish === 'string'
          ? `upgrade it, or ask for it: \`system: { packages: { ${name}: latest } }\``
          : `ask for a later one in \`system.packages\``,
      resource: 'packages',
    },
  ];
}
