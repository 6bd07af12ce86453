import { atTheEnd, type Command, joinCommands, raw, sh } from '../base/shell.js';
import type { Text } from '../base/text.js';
import { fileDiff } from './diff.js';
import { fileProbe } from './probes/file.js';
import { CHECKED, type Change, type Facts, NOTHING, type Planned, planned, type Step } from './types.js';

export interface ManagedFile {
  readonly resource: string;
  readonly title: string;
  readonly path: string;
  readonly content: Text;
  /** Octal, four digits. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  /** Shell that checks the candidate file `$candidate` with the program's own check; non-zero refuses it. */
  readonly validate?: Command;
}

/** Appended to a file's name while it is being written and checked, in the same directory. */
export const CANDIDATE_SUFFIX = '.lbctl-new';

/** Seconds for writing one file, its validation included. */
const WRITE_LIMIT = 60;

/** Compares one whole file with what it should be: content, mode, owner, group. */
export function planFile(file: ManagedFile, facts: Facts, extra: Partial<Change> = {}): Planned {
  const found = facts.need(fileProbe(file.path));
  const same = found.kind === 'file' && found.content === file.content.reveal();
  const drift: string[] = [];
  if (found.kind === 'missing') drift.push('missing');
  else if (found.kind !== 'file')
    drift.push(found.kind === 'symlink' ? 'a symlink, not a file' : 'no regular file');
  else {
    if (!same) drift.push(extra.reason ?? 'content differs');
    if (found.mode.padStart(4, '0') !== file.mode) drift.push(`mode ${found.mode}, not ${file.mode}`);
    if (found.owner !== file.owner || found.group !== file.group) {
      drift.push(`owner ${found.owner}:${found.group}, not ${file.owner}:${file.group}`);
    }
  }
  if (drift.length === 0) return NOTHING;
  const before = found.kind === 'missing' ? null : found.content;
  return planned({
    ...extra,
    silent: same,
    resource: file.resource,
    title: file.title,
    verb: found.kind === 'missing' ? 'create' : 'update',
    reason: `${file.path}: ${drift.join(', ')}`,
    diff: before === file.content.reveal() ? null : fileDiff(file.path, before, file.content),
    steps: [same ? attributesStep(file) : writeStep(file)],
  });
}

/** Mode and owner alone: the file keeps its time, so that no service seems to have missed a change of it. */
export function attributesStep({ path, mode, owner, group }: Omit<ManagedFile, 'content'>): Step {
  return {
    title: `set mode and owner of ${path}`,
    limit: WRITE_LIMIT,
    script: sh`set -e
chown -h ${`${owner}:${group}`} ${path}
chmod ${mode} ${path}`,
  };
}

/** Candidate beside the old file, checked there, then renamed over it: readers see the old file or the new. */
export function writeStep(file: ManagedFile): Step {
  const { validate } = file;
  const [candidate, put] = [candidateScript(file), putScript()];
  const step = { title: `write ${file.path}`, limit: WRITE_LIMIT };
  if (validate === undefined) return { ...step, script: joinCommands([candidate, put]) };
  return {
    ...step,
    script: joinCommands([
      candidate,
      sh`if [ "\${${raw(CHECKED)}:-}" != "$path" ]; then
${validate}
fi`,
      put,
    ]),
    ahead: {
      path: file.path,
      check: joinCommands([candidate, validate]),
      checked: joinCommands([candidate, put]),
    },
  };
}

/** Writes what is to become the file beside it; it is gone when the script ends. */
function candidateScript(file: ManagedFile): Command {
  return sh`set -e
umask 077
path=${file.path}
candidate=$path${CANDIDATE_SUFFIX}
dir=\${path%/*}
dir=\${dir:-/}
[ -d "$dir" ] || install -d -m 0755 "$dir"
${atTheEnd(sh`[ ! -e "$candidate" ] || rm -f "$candidate"`)}
[ ! -e "$candidate" ] && [ ! -L "$candidate" ] || rm -f "$candidate"
content() { printf %s ${file.content}; }
# cat(1) says why it could not write: of a full disk dash's own printf says "I/O error".
content 2>/dev/null >"$candidate" || content | cat >"$candidate"
chown ${`${file.owner}:${file.group}`} "$candidate"
chmod ${file.mode} "$candidate"`;
}

function putScript(): Command {
  return sh`sync "$candidate"
if [ -d "$path" ] && [ ! -L "$path" ]; then echo "$path is a directory" >&2; exit 1; fi
mv -f "$candidate" "$path"
if command -v restorecon >/dev/null; then restorecon "$path"; fi`;
}
