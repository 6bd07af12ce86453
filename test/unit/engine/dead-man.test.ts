import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { raw, sh } from '../../../src/base/shell.js';
import { armScript, disarmScript, UNDONE_EXIT } from '../../../src/engine/dead-man.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const undo = sh`systemctl start ${"it's"}`;
const mine = { name: 'change', owner: 'aaaa' };

describe("the dead man's switch", () => {
  const scripts = {
    armed: armScript({ ...mine, seconds: 60, undo }),
    'armed with a reason to wait': armScript({ ...mine, seconds: 60, undo, unless: sh`[ -e /x ]` }),
    disarmed: disarmScript(mine),
  };

  for (const [name, script] of Object.entries(scripts)) {
    it(`${name}: a script that dash reads`, () => {
      const { status, stderr } = spawnSync('sh', ['-n'], { input: script.text.reveal(), encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
    });
  }

  it('what is run on the host is read by dash as well, quotes and all', () => {
    const text = scripts['armed with a reason to wait'].text.reveal();
    // The script is one quoted word of the outer one: printf writes it down.
    const inner = spawnSync('sh', ['-s'], {
      input: /printf %s '[\s\S]*?\n' (?=>)/.exec(text)?.[0] ?? 'exit 9',
      encoding: 'utf8',
    });
    expect(inner.status).toBe(0);
    expect(inner.stdout).toContain("systemctl start 'it'\\''s'");
    expect(inner.stdout.indexOf('[ -e /x ]')).toBeLessThan(inner.stdout.indexOf('mv /run/lbctl/undo-change'));
    expect(spawnSync('sh', ['-n'], { input: inner.stdout, encoding: 'utf8' }).stderr).toBe('');
  });

  it.each([
    ['by hand, and once more over another connection', 'false', 0],
    ['by the host itself', 'true', UNDONE_EXIT],
  ])('taken away %s', (_, undone, exitCode) => {
    const folder = temporaryFolder();
    const options = { replace: { '/run/lbctl': folder, 'systemctl stop': ': stop' } };
    writeFileSync(`${folder}/undo-change`, '# owner=aaaa\n');
    const script = disarmScript({ ...mine, undone: raw(undone) });
    expect(runShell(script, options).exitCode).toBe(0);
    expect(runShell(script, options).exitCode).toBe(exitCode);
  });

  it('takes no name that is more than a name', () => {
    expect(() => disarmScript({ ...mine, name: '../x' })).toThrow(/no name/);
  });
});
