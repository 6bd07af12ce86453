import { err, ok } from '../../base/result.js';
import { raw } from '../../base/shell.js';
import type { Family } from '../../render/platform.js';
import type { Probe } from '../types.js';

export interface OsFacts {
  readonly id: string;
  readonly pretty: string;
  /** null: neither an EL-like nor a Debian-like distribution, or a release whose keepalived or HAProxy is too old. */
  readonly family: Family | null;
}

const EL = ['rhel', 'rocky', 'almalinux', 'centos', 'fedora', 'ol', 'openeuler', 'amzn'];
const DEBIAN = ['debian', 'ubuntu'];

/** The first release with keepalived 2.1 and HAProxy 1.8: EL 7 has 1.3 and 1.5, Debian 10 2.0, Ubuntu 20.04 2.0. */
const SINCE: Readonly<Record<string, number>> = {
  rhel: 8,
  rocky: 8,
  almalinux: 8,
  centos: 8,
  ol: 8,
  debian: 11,
  ubuntu: 22.04,
};

/** os-release(5): ID first, then the relatives that ID_LIKE names. */
export const osProbe: Probe<OsFacts> = {
  key: 'os',
  script: raw('cat /etc/os-release'),
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
    const names = [id, ...(values.get('ID_LIKE') ?? '').toLowerCase().split(/\s+/)];
    return ok({
      id,
      pretty: values.get('PRETTY_NAME') ?? id,
      family: tooOld(id, values) ? null : familyOf(names),
    });
  },
};

function tooOld(id: string, values: ReadonlyMap<string, string>): boolean {
  const since = SINCE[id];
  const version = Number.parseFloat(values.get('VERSION_ID') ?? '');
  // A release without a number (Debian testing) is newer than all that have one.
  return since !== undefined && version < since;
}

function familyOf(names: readonly string[]): Family | null {
  for (const name of names) {
    if (EL.includes(name)) return 'el';
    if (DEBIAN.includes(name)) return 'debian';
  }
  return null;
}
