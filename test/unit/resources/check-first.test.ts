import { chmodSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkScriptPath } from '../../../src/render/platform.js';
import { checkFirst } from '../../../src/resources/check-first.js';
import { runShell, temporaryFolder } from '../support/shell.js';

/** Tries a check of that text before a start, without the pauses. */
function tried(text: string | null, { mode = 0o755, shell = '/bin/sh' } = {}) {
  // Below /tmp everybody may write, which keepalived refuses: root's home is not so.
  const path = join(temporaryFolder(homedir()), 'check');
  if (text !== null) {
    writeFileSync(path, `${text}\n`);
    chmodSync(path, mode);
  }
  return runShell(checkFirst(1).script, {
    shell,
    replace: { [checkScriptPath('el')]: '/nowhere', [checkScriptPath('debian')]: path, 'sleep 1': ':' },
  });
}

describe.runIf(process.getuid?.() === 0).each(['dash', 'bash'])(
  'the check, before keepalived starts, under %s',
  (shell) => {
    it.each<[string, string | null, number, string]>([
      ['that is not executable', '#!/bin/sh\nexit 0', 0o644, 'is not executable'],
      ['that others may write', '#!/bin/sh\nexit 0', 0o777, 'can be written by others than root'],
      [
        'whose interpreter is missing',
        '#!/nowhere/sh\nexit 0',
        0o755,
        'is the interpreter of its first line there?',
      ],
      ['that fails although HAProxy serves', '#!/bin/sh\nexit 3', 0o755, 'it fails with exit code 3'],
      ['that is not there', null, 0, 'the check script is missing'],
    ])('one %s', (_, text, mode, why) => {
      const { exitCode, stderr } = tried(text, { mode, shell });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(
        /^the check of HAProxy does not pass although HAProxy serves: .*; keepalived was not started$/m,
      );
      expect(stderr).toContain(why);
    });

    it('one that passes, at once or on a busy host a little later', () => {
      expect(tried('#!/bin/sh\nexit 0', { shell })).toMatchObject({ exitCode: 0, stderr: '' });
      const mark = join(temporaryFolder(), 'second');
      expect(tried(`#!/bin/sh\n[ -e ${mark} ] || { : >${mark}; exit 1; }`, { shell }).exitCode).toBe(0);
    });
  },
);
