import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type OwnPackageFacts, ownPackageProbe } from '../../../src/resources/own-package.js';
import { ownTaskResource } from '../../../src/resources/own-task.js';
import { osProbe } from '../../../src/resources/probes/os.js';
import { given, output, parsed, refusal, Unknown } from '../support/facts.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const resource = ownTaskResource({ type: 'package', name: 'chrony' }, { title: 'Time', watches: [] });
const probe = ownPackageProbe('chrony');
const plan = (found: OwnPackageFacts | Unknown, family: string | null = 'el') =>
  resource.plan(given([osProbe, { id: 'x', pretty: 'X', family }], [probe, found]));

describe('a package', () => {
  it.each<[string, string, OwnPackageFacts]>([
    ['rpm', 'rpm 4.5-1.el9\n', { version: '4.5-1.el9', broken: null, lockedBy: null }],
    ['dpkg', 'dpkg installed 4.3-2\n', { version: '4.3-2', broken: null, lockedBy: null }],
    [
      'configuration files alone',
      'dpkg config-files 4.3-2\n',
      { version: null, broken: null, lockedBy: null },
    ],
    [
      'half done',
      'dpkg half-configured 4.3-2\n',
      { version: null, broken: 'half-configured', lockedBy: null },
    ],
    [
      'missing, somebody else at work',
      'missing\ndpkg (process 7)\n',
      { version: null, broken: null, lockedBy: 'dpkg (process 7)' },
    ],
    ['missing', 'missing\n', { version: null, broken: null, lockedBy: null }],
  ])('%s', (_, stdout, facts) => {
    expect(parsed(probe, stdout)).toEqual(facts);
  });

  it('is unknown by anything else', () => {
    expect(refusal(probe, output(''))).not.toBeNull();
    expect(refusal(probe, output('rpm\n'))).not.toBeNull();
    expect(refusal(probe, output('', { exitCode: 1, stderr: 'database is locked' }))).toContain('locked');
    expect(() => plan(new Unknown())).toThrow();
  });

  it('is installed where it is missing, without a time limit', () => {
    expect(plan({ version: '1', broken: null, lockedBy: null }).change).toBeNull();
    expect(plan({ version: null, broken: null, lockedBy: null }).change).toMatchObject({
      resource: 'package:chrony',
      verb: 'create',
      reason: 'not installed',
      steps: [{ title: 'dnf install chrony', limit: 'none' }],
    });
    expect(plan({ version: null, broken: 'half-configured', lockedBy: null }, 'debian').change).toMatchObject(
      {
        verb: 'update',
        reason: 'half-configured, not installed',
        steps: [{ title: 'apt-get install chrony' }],
      },
    );
    expect(plan({ version: null, broken: null, lockedBy: null }, null).problems).toMatchObject([
      { code: 'unsupported-distribution' },
    ]);
  });

  it('says for whom it would have to wait', () => {
    const { problems } = plan({ version: null, broken: null, lockedBy: 'unattended-upgr (process 7)' });
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        code: 'package-manager-busy',
        summary: 'unattended-upgr (process 7) works with the package manager: it is waited for',
      },
    ]);
  });

  /** What the probe's script makes of what an rpm says. */
  function asked(answer: string, code: number) {
    const folder = temporaryFolder();
    const rpm = join(folder, 'rpm');
    writeFileSync(rpm, `#!/bin/sh\necho '${answer}'\nexit ${code}\n`);
    chmodSync(rpm, 0o755);
    writeFileSync(join(folder, 'dnf'), '#!/bin/sh\n', { mode: 0o755 });
    return probe.parse(runShell(probe.script, { path: folder }));
  }

  it('by what rpm says', () => {
    expect(asked('4.5-1.el9', 0)).toMatchObject({ ok: true, value: { version: '4.5-1.el9' } });
    expect(asked('no package provides chrony', 1)).toMatchObject({ ok: true, value: { version: null } });
    expect(asked('error: cannot open Packages database', 1)).toMatchObject({ ok: false });
  });
});
