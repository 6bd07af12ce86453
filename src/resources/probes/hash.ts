import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';

export type HashFacts =
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'file' | 'symlink' | 'other';
      /** Octal, for example `640`. */
      readonly mode: string;
      readonly owner: string;
      readonly group: string;
      /** Empty where it is no regular file. */
      readonly sha256: string;
    };

/** Says "missing" and ends where there is nothing at `$p`; fails where that cannot be told. */
const MISSING = sh`if [ ! -e "$p" ] && [ ! -L "$p" ]; then
  d=$(dirname "$p")
  while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  [ -x "$d" ] || { echo "$d cannot be searched" >&2; exit 1; }
  echo missing
  exit 0
fi`;

/** One file by its hash. A path that exists and cannot be read is unknown, never "missing". */
export function hashProbe(path: string): Probe<HashFacts> {
  return {
    key: `hash:${path}`,
    script: sh`p=${path}
${MISSING}
set -e
stat -c '%F|%a|%U|%G' -- "$p"
if [ -f "$p" ] && [ ! -L "$p" ]; then sha256sum <"$p"; fi`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`${path} cannot be read: ${stderr.trim() || `exit code ${exitCode}`}`);
      if (stdout.trim() === 'missing') return ok({ kind: 'missing' });
      const [head = '', sum = ''] = stdout.split('\n');
      const [type, mode, owner, group] = head.split('|');
      const kind = type?.startsWith('regular') ? 'file' : type === 'symbolic link' ? 'symlink' : 'other';
      const sha256 = sum.split(' ')[0] ?? '';
      if (
        mode === undefined ||
        owner === undefined ||
        group === undefined ||
        (kind === 'file' && sha256 === '')
      ) {
        return err(`the answer about ${path} was cut short`);
      }
      return ok({ kind, mode, owner, group, sha256 });
    },
  };
}

/** Whether anything is at a path, a link to nowhere included. */
export function existsProbe(path: string): Probe<boolean> {
  return {
    key: `exists:${path}`,
    script: sh`p=${path}
${MISSING}
echo there`,
    parse({ stdout, stderr, exitCode }) {
      const answer = stdout.trim();
      if (exitCode === 0 && (answer === 'there' || answer === 'missing')) return ok(answer === 'there');
      return err(`${path} cannot be looked for: ${stderr.trim() || `exit code ${exitCode}`}`);
    },
  };
}
