import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fileProbe } from '../../../src/resources/probes/file.js';
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
