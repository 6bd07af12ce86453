import { err, ok } from '../../base/result.js';
import { raw, sh } from '../../base/shell.js';
import type { Joint, Probe, ProbeOutput } from '../types.js';

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

/** Whether a path that is not there is missing: succeeds, or `$d` is a folder that hides it. */
const MISSING = raw(`d=$p
  while [ ! -e "$d" ]; do
    d=\${d%/*}
    d=\${d:-/}
  done
  [ -d "$d" ] && [ -x "$d" ]`);

/**
 * One file with its content. A path that exists and cannot be read is unknown, never "missing". The content
 * travels as base64: it may hold anything.
 */
export function fileProbe(path: string): Probe<FileFacts> {
  return {
    key: `file:${path}`,
    // What the kernel makes up has no size.
    ...(/^\/(proc|sys)\//.test(path) ? {} : { joint: { by: JOINT_FILES, about: path } }),
    script: sh`p=${path}
if [ ! -e "$p" ] && [ ! -L "$p" ]; then
  ${MISSING} || { echo "$d cannot be searched" >&2; exit 1; }
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

/**
 * All files at once: their attributes from one process, their contents one after the other from another one, and the attributes
 * once more: until none was written meanwhile. `file` lines say how long each is. Where that does not add up, since one could
 * not be read, nothing is known of those with content.
 */
export const JOINT_FILES: Joint = {
  key: 'files',
  script: (paths) => sh`attributes() { stat -c 'file %F|%a|%U|%G|%.3Y|%s|%n' -- "$@"; }
texts() {
  for p; do
    shift
    if [ -L "$p" ]; then
      [ ! -f "$p" ] || echo "link $(base64 -w0 -- "$p") $p"
    elif [ -f "$p" ]; then set -- "$@" "$p"
    fi
  done
  echo content
  [ $# = 0 ] || cat -- "$@" | base64
}
tries=0
while :; do
  set --
  absent=
  for p in ${[...paths]}; do
    if [ -e "$p" ] || [ -L "$p" ]; then set -- "$@" "$p"; continue; fi
    if ${MISSING}; then absent="\${absent}missing $p
"; else absent="\${absent}hidden $d|$p
"; fi
  done
  if [ $# = 0 ]; then found= text=; break; fi
  found=$(attributes "$@") && text=$(texts "$@") && [ "$found" = "$(attributes "$@")" ] && break
  # Somebody writes one right now.
  tries=$((tries + 1))
  if [ $tries -ge 10 ]; then
    printf '%s' "$absent"
    for p; do echo "unread $p"; done
    exit 1
  fi
  sleep 0.1
done
echo "now \${asked_now:-$(date +%s.%N)}"
printf '%s\n' "$absent" "$found" "$text"`,
  split({ stdout, stderr, exitCode }) {
    const [head = '', body = ''] = stdout.split(/^content$/m);
    const content = Buffer.from(body.replaceAll('\n', ''), 'base64');
    const answers = new Map<string, ProbeOutput>();
    const tell = (path: string, said: string) =>
      answers.set(`file:${path}`, { stdout: said, stderr: '', exitCode: 0 });
    const deny = (path: string, why: string) =>
      answers.set(`file:${path}`, { stdout: '', stderr: why, exitCode: exitCode || 1 });
    const now = /^now (.*)$/m.exec(head)?.[1] ?? '';
    const links = new Map(
      [...head.matchAll(/^link (\S*) (.*)$/gm)].map(([, text = '', path = '']) => [path, text]),
    );
    const found = [...head.matchAll(/^file ([^|]*)(\|[^|]*\|[^|]*\|[^|]*\|[^|]*)\|(\d+)\|(.*)$/gm)].map(
      ([, type = '', about = '', size, path = '']) => ({
        ...{ path, about: `${type}${about}\n${now}` },
        size: type.startsWith('regular') ? Number(size) : null,
      }),
    );
    const whole = found.reduce((sum, { size }) => sum + (size ?? 0), 0) === content.length;
    // Each try may have said it.
    const why = [...new Set(stderr.trim().split('\n'))].join('\n') || 'it was written meanwhile';
    let at = 0;
    for (const { path, about, size } of found) {
      if (size === null) tell(path, `${about}\n${links.get(path) ?? ''}`);
      else if (!whole) deny(path, why);
      else tell(path, `${about}\n${content.subarray(at, at + size).toString('base64')}`);
      at += size ?? 0;
    }
    for (const [, path = ''] of head.matchAll(/^unread (.*)$/gm)) deny(path, why);
    for (const [, path = ''] of head.matchAll(/^missing (.*)$/gm)) tell(path, 'missing\n');
    for (const [, folder = '', path = ''] of head.matchAll(/^hidden ([^|]*)\|(.*)$/gm))
      deny(path, `${folder} cannot be searched`);
    return answers;
  },
};
