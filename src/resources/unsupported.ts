import type { OsFacts } from './probes/os.js';
import { type Planned, refused } from './types.js';

export function unsupported(os: OsFacts, resource: string): Planned {
  return refused({
    severity: 'error',
    code: 'unsupported-distribution',
    summary: `${os.pretty} is not supported`,
    hint: `lbctl knows RHEL, Rocky, AlmaLinux and CentOS Stream from 8, Fedora from 34, openEuler from 22.03, Debian from 11 and Ubuntu from 22.04, by \`ID\` and \`VERSION_ID\` of /etc/os-release (here ID=${os.id}); their relatives are not taken for them`,
    resource,
  });
}
