import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinCommands, raw } from '../../../src/base/shell.js';
import { fileProbe, JOINT_FILES } from '../../../src/resources/probes/file.js';
import { runShell, temporaryFolder } from '../support/shell.js';

function look(path: string) {
  const probe = fileProbe(path);
  const result = probe.parse(runShell(probe.script));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

it('any content comes back as it is', () => {
  const path = join(temporaryFolder(), 'x');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (content) => {
      // A lone surrogate is no text of any file.
      fc.pre(Buffer.from(content).toString() === content);
      writeFileSync(path, content);
      expect(look(path)).toMatchObject({ kind: 'file', content });
    }),
    { numRuns: 30 },
  );
});

it('a long one, too', () => {
  const path = join(temporaryFolder(), 'x');
  const content = 'line of a configuration\n'.repeat(5000);
  writeFileSync(path, content);
  expect(look(path)).toMatchObject({ content });
});

it('an empty file is not a missing one', () => {
  const path = join(temporaryFolder(), 'x');
  expect(look(path)).toEqual({ kind: 'missing' });
  writeFileSync(path, '', { mode: 0o604 });
  expect(look(path)).toMatchObject({ kind: 'file', content: '', mode: '604' });
});

it('in a folder that is missing, with a name that a shell would interpret', () => {
  const folder = temporaryFolder();
  expect(look(join(folder, 'a/b/c'))).toEqual({ kind: 'missing' });
  const path = join(folder, "it's $(a) file");
  writeFileSync(path, 'x');
  expect(look(path)).toMatchObject({ content: 'x' });
});

it('what is no file is named so', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'folder'));
  expect(look(join(folder, 'folder'))).toMatchObject({ kind: 'other', content: null });
  symlinkSync('nowhere', join(folder, 'dangling'));
  expect(look(join(folder, 'dangling'))).toMatchObject({ kind: 'symlink' });
  writeFileSync(join(folder, 'target'), 'theirs');
  symlinkSync('target', join(folder, 'link'));
  expect(look(join(folder, 'link'))).toMatchObject({ kind: 'symlink', content: 'theirs' });
});

it('its age in seconds; one from the future is younger than nothing', () => {
  const path = join(temporaryFolder(), 'x');
  writeFileSync(path, '');
  const age = () => {
    const found = look(path);
    return found.kind === 'missing' ? Number.NaN : found.age;
  };
  expect(age()).toBeLessThan(5);
  const now = Date.now() / 1000;
  utimesSync(path, now, now - 3600);
  expect(age()).toBeGreaterThan(3599);
  utimesSync(path, now, now + 3600);
  expect(age()).toBeLessThan(-3590);
});

it('below something that is no folder it is unknown, not missing', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  const probe = fileProbe(join(folder, 'file/x'));
  expect(probe.parse(runShell(probe.script))).toMatchObject({ ok: false });
});

describe('all files at once', () => {
  const answered = (paths: readonly string[], output = runShell(JOINT_FILES.script(paths))) => {
    const answers = JOINT_FILES.split(output);
    return paths.map((path) => {
      const probe = fileProbe(path);
      const answer = answers.get(probe.key);
      return answer === undefined ? 'not answered' : probe.parse(answer);
    });
  };

  it('each is told as if it had been asked for alone', () => {
    const folder = temporaryFolder();
    const path = (name: string) => join(folder, name);
    writeFileSync(path('long'), 'line of a configuration\n'.repeat(5000), { mode: 0o640 });
    writeFileSync(path('empty'), '');
    writeFileSync(path("it's $(a) file"), Buffer.from([0, 1, 13, 10, 10]));
    mkdirSync(path('folder'));
    symlinkSync('long', path('link'));
    symlinkSync('nowhere', path('dangling'));
    for (const name of ['long', 'empty', "it's $(a) file", 'folder']) utimesSync(path(name), 1e9, 1e9);
    const names = ['long', 'a/b', 'empty', 'link', "it's $(a) file", 'folder', 'empty/x', 'dangling'];
    const alone = names.map((name) => {
      const probe = fileProbe(path(name));
      return probe.parse(runShell(probe.script));
    });
    const aged = (it: unknown) => JSON.parse(JSON.stringify(it, (key, value) => (key === 'age' ? 0 : value)));
    expect(aged(answered(names.map(path)))).toEqual(aged(alone));
    expect(alone[6]).toMatchObject({
      ok: false,
      error: expect.stringContaining('/empty cannot be searched'),
    });
  });

  it('any contents are told apart', () => {
    const folder = temporaryFolder();
    const paths = ['a', 'b', 'c'].map((name) => join(folder, name));
    const contents = fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(contents, (all) => {
        all.forEach((content, index) => void writeFileSync(paths[index] ?? '', content));
        const texts = all.map((content) => Buffer.from(content).toString('utf8'));
        expect(answered(paths)).toMatchObject(texts.map((content) => ({ ok: true, value: { content } })));
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['that was written meanwhile', '/a', '12', '', 'it was written meanwhile'],
    ['that cannot be read', '/a', '12', 'cat: /a: Input/output error', 'Input/output error'],
  ])('of one %s nothing is known', (_, path, size, stderr, why) => {
    const content = Buffer.from('abc').toString('base64');
    const stdout = `missing /b\nnow 5\nfile regular file|644|root|root|1.0|${size}|${path}\ncontent\n${content}\n`;
    expect(answered(['/a', '/b'], { stdout, stderr, exitCode: 0 })).toMatchObject([
      { ok: false, error: expect.stringContaining(why) },
      { ok: true, value: { kind: 'missing' } },
    ]);
  });

  it('of those that cannot be looked at the reason is told, once; of the others what they are', () => {
    const folder = temporaryFolder();
    const paths = ['a', 'b', 'c'].map((name) => join(folder, name));
    for (const path of [paths[0], paths[2]]) writeFileSync(path ?? '', 'x');
    const broken = raw('stat() { echo "stat: Input/output error" >&2; return 1; }; sleep() { :; }');
    const output = runShell(joinCommands([broken, JOINT_FILES.script(paths)]));
    const error = expect.stringMatching(/[ac] cannot be read: stat: Input\/output error$/);
    expect(answered(paths, output)).toMatchObject([
      { ok: false, error },
      { ok: true, value: { kind: 'missing' } },
      { ok: false, error },
    ]);
  });

  it('one that somebody writes again and again is waited for', async () => {
    const folder = temporaryFolder();
    const paths = ['a', 'b'].map((name) => join(folder, name));
    for (const path of paths) writeFileSync(path, '');
    const script = `for i in $(seq 60); do head -c $((i * 997)) /dev/zero >${paths[0]}.new; mv ${paths[0]}.new ${paths[0]}; done`;
    const writer = spawn('sh', ['-c', script]);
    const ended = new Promise((resolve) => writer.on('exit', resolve));
    for (let n = 0; n < 5; n++) expect(answered(paths)).toMatchObject([{ ok: true }, { ok: true }]);
    await ended;
  });

  it('where the script was ended nothing is known of those that it had not come to', () => {
    const stdout = 'missing /b\n';
    expect(answered(['/a', '/b'], { stdout, stderr: '', exitCode: 143 })).toMatchObject([
      'not answered',
      { ok: true },
    ]);
  });
});
