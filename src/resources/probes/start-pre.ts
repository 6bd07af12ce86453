import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { dropInPath } from '../../render/platform.js';
import type { Probe } from '../types.js';
import { HAPROXY_UNIT_FILES } from './unit-files.js';

const OURS = dropInPath('haproxy');

/**
 * Whether nothing but HAProxy's own check of its file (`haproxy -c`) comes before its start: true where the unit is not there
 * yet. Drop-ins of a later name count for themselves; a reset in ours does not touch them.
 */
export const onlyChecksProbe: Probe<boolean> = {
  key: 'start-pre:haproxy',
  script: sh`${HAPROXY_UNIT_FILES}
[ $# -gt 0 ] || exit 0
grep -H '^[[:space:]]*ExecStartPre[[:space:]]*=' "$@" || [ $? = 1 ]`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`the units of haproxy cannot be read: ${stderr.trim()}`);
    const before = stdout.split('\n').flatMap((line) => {
      const [, file = '', command = ''] = /^([^:]*):\s*ExecStartPre\s*=\s*(.*)$/.exec(line) ?? [];
      return file === '' || file === OURS || isLater(file) ? [] : [command.trim()];
    });
    return ok(before.every((it) => it === '' || /^[-@:+!]*\S*\/haproxy\s(.*\s)?-c(\s|$)/.test(it)));
  },
};

/** Drop-ins of all folders are read in the order of their names. */
function isLater(file: string): boolean {
  const name = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  return file.includes('.service.d/') && name(file) > name(OURS);
}
