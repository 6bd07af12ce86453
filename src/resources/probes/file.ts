import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';

export type FileFacts =
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'file' | 'symlink' | 'other';
      /** Octal, for example `640`. */
      readonly mode: string;
      readonly owner: string;
      readonly group: string;
      /** Seconds since it was last written, by the host's own clock; negative: in the future. */
      readonly age: number;
      /** UTF-8; null where it is no regular file. */
      readonly content: string | null;
    };

/**
 * One file with its content. A path that exists and cannot be read is unknown, never "missing". The content
 * travels as base64: it may hold anything.
 */
export function fileProbe(path: string): Probe<FileFacts> {
  return {
    key: `file:${path}`,
    script: sh`p=${path}
if [ ! -e "$p" ] && [ ! -L "$p" ]; then
  d=$p
  while [ ! -e "$d" ]; do
    d=\${d%/*}
    d=\${d:-/}
  done
  [ -d "$d" ] && [ -x "$d" ] || { echo "$d cannot be searched" >&2; exit 1; }
  echo missing
  exit 0
fi
set -e
stat -c '%F|%a|%U|%G|%.3Y' -- "$p"
echo "\${asked_now:-$(date +%s.%N)}"
[ ! -f "$p" ] || exec base64 -- "$p"`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`${path} cannot be read: ${stderr.trim() || `exit code ${exitCode}`}`);
      if (stdout.trim() === 'missing') return ok({ kind: 'missing' });
      const [head = '', now = '', ...body] = stdout.split('\n');
      const [type, mode, owner, group, mtime] = head.split('|');
      const age = now === '' ? Number.NaN : Number(now) - Number(mtime);
      if (mode === undefined || owner === undefined || group === undefined || Number.isNaN(age)) {
        return err(`the answer about ${path} was cut short`);
      }
      const kind = type?.startsWith('regular') ? 'file' : type === 'symbolic link' ? 'symlink' : 'other';
      const content = kind === 'other' ? null : Buffer.from(body.join(''), 'base64').toString('utf8');
      return ok({ kind, mode, owner, group, age, content });
    },
  };
}
