import { err, ok } from '../../base/result.js';
import { raw } from '../../base/shell.js';
import type { Family } from '../../render/platform.js';
import type { Probe } from '../types.js';

export interface OsFacts {
  readonly id: string;
  readonly pretty: string;
  /** null: a distribution that lbctl does not know, or a release whose keepalived or HAProxy is too old. */
  readonly family: Family | null;
}

interface Known {
  readonly family: Family;
  /** The first release with keepalived 2.1 and HAProxy 1.8. */
  readonly since: number;
}

/** EL 7 has keepalived 1.3 and HAProxy 1.5; Debian 10, Ubuntu 20.04 and openEuler 20.03 have keepalived 2.0. */
const KNOWN: Readonly<Record<string, Known>> = {
  rhel: { family: 'el', since: 8 },
  rocky: { family: 'el', since: 8 },
  almalinux: { family: 'el', since: 8 },
  centos: { family: 'el', since: 8 },
  fedora: { family: 'el', since: 34 },
  openeuler: { family: 'el', since: 22.03 },
  debian: { family: 'debian', since: 11 },
  ubuntu: { family: 'debian', since: 22.04 },
};

/**
 * os-release(5): by ID alone. What a relative (ID_LIKE) does with packages, units and paths is not known, and a pair that was
 * built by a guess is none to rely on.
 */
export const osProbe: Probe<OsFacts> = {
  key: 'os',
  before: true,
  // The shell reads it itself: a process takes longer.
  script: raw(`f=/etc/os-release
[ -r "$f" ] || f=/usr/lib/os-release
while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done <"$f"`),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`/etc/os-release cannot be read: ${stderr.trim()}`);
    const values = new Map<string, string>();
    for (const line of stdout.split('\n')) {
      const match = /^([A-Z_]+)=(.*)$/.exec(line.trim());
      if (match?.[1] !== undefined && match[2] !== undefined) {
        values.set(match[1], match[2].replace(/^(["'])(.*)\1$/, '$2'));
      }
    }
    const id = (values.get('ID') ?? '').toLowerCase();
    if (id === '') return err('/etc/os-release has no ID');
    return ok({
      id,
      pretty: values.get('PRETTY_NAME') ?? id,
      family: familyOf(id, Number.parseFloat(values.get('VERSION_ID') ?? '')),
    });
  },
};

/** A release without a number (Debian testing) is newer than all that have one. */
function familyOf(id: string, version: number): Family | null {
  const known = Object.hasOwn(KNOWN, id) ? KNOWN[id] : undefined;
  return known === undefined || version < known.since ? null : known.family;
}
