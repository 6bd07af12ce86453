import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { raw, sh } from '../../../src/base/shell.js';
import { Text } from '../../../src/base/text.js';
import {
  CANDIDATE_SUFFIX,
  type ManagedFile,
  planFile,
  writeStep,
} from '../../../src/resources/managed-file.js';
import { type FileFacts, fileProbe } from '../../../src/resources/probes/file.js';
import { UnknownFact } from '../../../src/resources/types.js';
import { given, Unknown } from '../support/facts.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const [owner, group] = runShell('echo "$(id -un) $(id -gn)"').stdout.trim().split(' ');
const wanted = (path: string, extra: Partial<ManagedFile> = {}): ManagedFile => ({
  resource: 'x',
  title: 'a file',
  path,
  content: Text.of('new\n'),
  mode: '0640',
  owner: owner ?? '',
  group: group ?? '',
  ...extra,
});
const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

describe('what a file lacks', () => {
  const file = wanted('/etc/x', { owner: 'root', group: 'root' });
  const right = {
    kind: 'file',
    mode: '640',
    owner: 'root',
    group: 'root',
    age: 5,
    content: 'new\n',
  } as const;
  const plan = (facts: FileFacts | Unknown) => planFile(file, given([fileProbe('/etc/x'), facts])).change;

  it.each<[string, FileFacts, { verb: string; reason: string; silent: boolean; diff: RegExp | null } | null]>(
    [
      ['as it should be', right, null],
      [
        'missing',
        { kind: 'missing' },
        { verb: 'create', reason: 'missing', silent: false, diff: /^--- \/dev\/null/ },
      ],
      [
        'other content',
        { ...right, content: 'old\n' },
        { verb: 'update', reason: 'content differs', silent: false, diff: /-old\n\+new/ },
      ],
      [
        'without its last line feed',
        { ...right, content: 'new' },
        { verb: 'update', reason: 'content differs', silent: false, diff: /No newline/ },
      ],
      [
        'mode',
        { ...right, mode: '644' },
        { verb: 'update', reason: 'mode 644, not 0640', silent: true, diff: null },
      ],
      [
        'owner',
        { ...right, owner: 'bob' },
        { verb: 'update', reason: 'owner bob:root, not root:root', silent: true, diff: null },
      ],
      [
        'group',
        { ...right, group: 'bob' },
        { verb: 'update', reason: 'owner root:bob, not root:root', silent: true, diff: null },
      ],
      [
        'a symlink to the right text',
        { ...right, kind: 'symlink', mode: '777' },
        { verb: 'update', reason: 'a symlink, not a file', silent: false, diff: null },
      ],
      [
        'a directory',
        { ...right, kind: 'other', content: null },
        { verb: 'update', reason: 'no regular file', silent: false, diff: /\+new/ },
      ],
    ],
  )('%s', (_, found, expected) => {
    const change = plan(found);
    if (expected === null) return expect(change).toBeNull();
    expect(change).toMatchObject({
      verb: expected.verb,
      reason: `/etc/x: ${expected.reason}`,
      silent: expected.silent,
    });
    if (expected.diff === null) expect(change?.diff).toBeNull();
    else expect(change?.diff).toMatch(expected.diff);
    expect(change?.steps).toHaveLength(1);
  });

  it('unknown is not missing', () => {
    expect(() => plan(new Unknown('Permission denied'))).toThrow(UnknownFact);
  });

  it('shows no secret, neither in the plan nor in its steps', () => {
    const secret = { ...file, content: Text.of('auth_pass ', new Secret('hunter22'), '\n') };
    const { change } = planFile(
      secret,
      given([fileProbe('/etc/x'), { ...right, content: 'auth_pass hunter11\n' }]),
    );
    expect(JSON.stringify(change)).not.toMatch(/hunter/);
    expect(change?.steps[0]?.script.text.reveal()).toContain('hunter22');
  });
});

describe.each(['/bin/sh', '/bin/bash'])('writing a file, by %s', (shell) => {
  const write = (file: ManagedFile) => runShell(writeStep(file).script, { shell });

  it('a new one, in a folder that was not there', () => {
    const path = join(temporaryFolder(), 'etc.d/x.conf');
    const content = Text.of("a 'b' $c `d` \\n %s\n", new Secret('p\\a$s'), '\n\ttail without an end');
    expect(write(wanted(path, { content }))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(readFileSync(path, 'utf8')).toBe(content.reveal());
    expect(mode(path)).toBe('640');
    expect(mode(join(path, '..'))).toBe('755');
    expect(readdirSync(join(path, '..'))).toEqual(['x.conf']);
  });

  it('over an old one, whatever its mode was', () => {
    const path = join(temporaryFolder(), 'x');
    writeFileSync(path, 'old');
    chmodSync(path, 0o600);
    expect(write(wanted(path, { mode: '0755' })).exitCode).toBe(0);
    expect([readFileSync(path, 'utf8'), mode(path)]).toEqual(['new\n', '755']);
  });

  it('the check sees the candidate beside the old file, not readable for others', () => {
    const path = join(temporaryFolder(), 'x');
    writeFileSync(path, 'old');
    const validate = raw('echo "$candidate $(cat "$candidate") $(cat "$path") $(stat -c %a "$candidate")"');
    expect(write(wanted(path, { validate })).stdout).toBe(`${path}${CANDIDATE_SUFFIX} new old 640\n`);
  });

  it.each([
    ['fails', raw('echo "line 3: no" >&2; exit 4'), 4],
    ['fails as the last of several', sh`set -- a; [ "$1" = b ]`, 1],
    ['does not exist', raw('no-such-program "$candidate" 2>/dev/null'), 127],
  ])('a check that %s leaves the old file as it was, and no candidate', (_, validate, exitCode) => {
    const folder = temporaryFolder();
    const path = join(folder, 'x');
    writeFileSync(path, 'old');
    chmodSync(path, 0o604);
    const before = statSync(path);
    expect(write(wanted(path, { validate })).exitCode).toBe(exitCode);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(statSync(path)).toMatchObject({ ino: before.ino, mode: before.mode, mtimeMs: before.mtimeMs });
    expect(readdirSync(folder)).toEqual(['x']);
  });

  it('an unknown group leaves the old file as it was', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'x'), 'old');
    expect(write(wanted(join(folder, 'x'), { group: 'no-such-group' })).exitCode).not.toBe(0);
    expect([readdirSync(folder), readFileSync(join(folder, 'x'), 'utf8')]).toEqual([['x'], 'old']);
  });

  it('a symlink is replaced, what it points to is left alone', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'target'), 'theirs');
    symlinkSync('target', join(folder, 'x'));
    expect(write(wanted(join(folder, 'x'))).exitCode).toBe(0);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('theirs');
    expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('new\n');
  });

  it('a planted candidate is not written through', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'target'), 'theirs');
    symlinkSync('target', join(folder, `x${CANDIDATE_SUFFIX}`));
    expect(write(wanted(join(folder, 'x'))).exitCode).toBe(0);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('theirs');
  });

  it('a directory in its place is refused, not filled', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'x'));
    const { exitCode, stderr } = write(wanted(join(folder, 'x')));
    expect([exitCode, stderr]).toEqual([1, `${folder}/x is a directory\n`]);
    expect([readdirSync(folder), readdirSync(join(folder, 'x'))]).toEqual([['x'], []]);
  });

  it('twice is the same as once', () => {
    const path = join(temporaryFolder(), 'x');
    for (let run = 0; run < 2; run++) expect(write(wanted(path)).exitCode).toBe(0);
    const probe = fileProbe(path);
    const found = probe.parse(runShell(probe.script, { shell }));
    if (!found.ok) throw new Error(found.error);
    expect(planFile(wanted(path), given([probe, found.value])).change).toBeNull();
  });
});

it('ended by a signal it leaves the old file and no candidate', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'x');
  writeFileSync(path, 'old\n');
  const { exitCode } = runShell(writeStep(wanted(path, { validate: sh`kill -TERM $$` })).script);
  expect(exitCode).toBe(143);
  expect(readdirSync(folder)).toEqual(['x']);
  expect(readFileSync(path, 'utf8')).toBe('old\n');
});
