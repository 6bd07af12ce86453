import { Secret } from '../base/secret.js';
import { atTheEnd, sh } from '../base/shell.js';
import { attributesStep, CANDIDATE_SUFFIX, type ManagedFile } from './managed-file.js';
import type { FileBody } from './own-task.js';
import { hashProbe } from './probes/hash.js';
import { type Facts, NOTHING, type Planned, planned, type Step } from './types.js';

type Bytes = Extract<FileBody, { readonly kind: 'bytes' }>;
type Target = Omit<ManagedFile, 'content'>;

/** Seconds for writing a file of a few megabytes. */
const WRITE_LIMIT = 120;

/** Compares a file that is no text (or a long one) by its hash. */
export function planBytes(target: Target, body: Bytes, facts: Facts): Planned {
  const { path, mode, owner, group } = target;
  const found = facts.need(hashProbe(path));
  const drift: string[] = [];
  const same = found.kind === 'file' && found.sha256 === body.sha256;
  if (found.kind === 'missing') drift.push('missing');
  else if (found.kind !== 'file') drift.push(`a ${found.kind}, not a file`);
  else {
    if (!same) drift.push('content differs');
    if (found.mode.padStart(4, '0') !== mode) drift.push(`mode ${found.mode}, not ${mode}`);
    if (found.owner !== owner || found.group !== group) {
      drift.push(`owner ${found.owner}:${found.group}, not ${owner}:${group}`);
    }
  }
  if (drift.length === 0) return NOTHING;
  const old = found.kind === 'missing' ? '/dev/null' : path;
  return planned({
    resource: target.resource,
    title: target.title,
    verb: found.kind === 'missing' ? 'create' : 'update',
    reason: `${path}: ${drift.join(', ')}`,
    silent: same,
    diff: same ? null : `--- ${old}\n+++ ${path}\n ${body.size} bytes, sha256 ${body.sha256}\n`,
    steps: [same ? attributesStep(target) : writeBytesStep(target, body)],
  });
}

/** Told to nobody: what is in it says nothing, and it may be long. As a text is written: a candidate beside the old file, looked at, then renamed over it. */
function writeBytesStep({ path, mode, owner, group }: Target, { base64, sha256 }: Bytes): Step {
  return {
    title: `write ${path}`,
    limit: WRITE_LIMIT,
    script: sh`set -e
umask 077
path=${path}
candidate=$path${CANDIDATE_SUFFIX}
dir=$(dirname "$path")
[ -d "$dir" ] || install -d -m 0755 "$dir"
${atTheEnd(sh`rm -f "$candidate"`)}
rm -f "$candidate"
printf %s ${new Secret(base64)} | base64 -d >"$candidate"
[ "$(sha256sum <"$candidate")" = ${`${sha256}  -`} ] || { echo 'the file did not arrive as it was sent' >&2; exit 1; }
chown ${`${owner}:${group}`} "$candidate"
chmod ${mode} "$candidate"
sync "$candidate"
if [ -d "$path" ] && [ ! -L "$path" ]; then echo "$path is a directory" >&2; exit 1; fi
mv -f "$candidate" "$path"
if command -v restorecon >/dev/null; then restorecon "$path"; fi`,
  };
}
