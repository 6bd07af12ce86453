import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { checkScriptPath } from '../../../src/render/platform.js';
import { checkRunProbe } from '../../../src/resources/probes/check-run.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const asRoot = process.getuid?.() === 0;
const probe = checkRunProbe(1);
let path = '';

beforeEach(() => {
  // Below /tmp everybody may write, which keepalived refuses: root's home is not so.
  path = join(temporaryFolder(homedir()), 'check');
});

/** Runs what stands at `path` as keepalived would. */
function run(): string | null {
  const replace = { [checkScriptPath('el')]: '/nowhere', [checkScriptPath('debian')]: path };
  const result = probe.parse(runShell(probe.script, { replace }));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
function script(text: string, mode = 0o755): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, mode);
}

it.runIf(asRoot).each([
  ['exit 0', null],
  ['exit 1', 'it fails with exit code 1'],
  ['exec sleep 5', 'it did not end within 1 s'],
  ['trap "" TERM; while :; do sleep 0.1; done', 'it did not end within 1 s'],
  ['[ -z "$HOME$USER$LBCTL" ] && echo to nobody', null],
])('a script that says %j', (text, expected) => {
  script(text);
  expect(run()).toBe(expected);
});

it('one that is not there', () => {
  expect(run()).toBe('the check script is missing');
});

it('one that may not be run', () => {
  script('exit 0', 0o644);
  expect(run()).toBe(`${path} is not executable`);
});

it.runIf(asRoot).each([0o775, 0o757, 0o777])(
  'one that others may write (%o): keepalived refuses it',
  (mode) => {
    script('exit 0', mode);
    expect(run()).toBe(`${path} can be written by others than root: keepalived would not run the script`);
  },
);

it.runIf(asRoot)('one of somebody else', () => {
  script('exit 0');
  chownSync(path, 1, 1);
  expect(run()).toMatch(/does not belong to root/);
});

it.runIf(asRoot)('one in a folder that others may write', () => {
  const folder = join(path, '..', 'etc');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  path = join(folder, 'check');
  script('exit 0');
  expect(run()).toBe(`${folder} can be written by others than root: keepalived would not run the script`);
});

it.runIf(asRoot)('a symlink is judged by what it points to', () => {
  const target = join(path, '..', 'target');
  symlinkSync(target, path);
  path = target;
  script('exit 3', 0o777);
  path = join(target, '..', 'check');
  expect(run()).toMatch(/can be written by others/);
});
