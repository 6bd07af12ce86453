import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type OwnCommand, ownTaskResource } from '../../../src/resources/own-task.js';
import { type Planned, UnknownFact } from '../../../src/resources/types.js';
import { type Given, given, Unknown } from '../support/facts.js';
import { runShell, temporaryFolder } from '../support/shell.js';

type Rest = Partial<Omit<OwnCommand, 'type'>>;

function resourceOf(rest: Rest) {
  const task: OwnCommand = {
    type: 'command',
    name: 'it',
    run: ':',
    creates: null,
    unless: null,
    timeout: 5,
    ...rest,
  };
  return ownTaskResource(task, { title: 'Do it', watches: [] });
}

/** Asks the real shell, and plans. */
function plan(rest: Rest, shell = '/bin/sh'): Planned {
  const resource = resourceOf(rest);
  const facts = resource.probes.map((probe): Given => {
    const result = probe.parse(runShell(probe.script, { shell }));
    return [probe, result.ok ? result.value : new Unknown(result.error)];
  });
  return resource.plan(given(...facts));
}

function run(rest: Rest, shell = '/bin/sh') {
  const [step] = plan({ unless: 'false', ...rest }).change?.steps ?? [];
  if (step === undefined) throw new Error('nothing planned');
  return runShell(step.script, { shell });
}

describe('whether a command has to run', () => {
  it.each<[string, Rest, string | null]>([
    ['what it creates is not there', { creates: '/nowhere/at/all' }, '/nowhere/at/all does not exist'],
    ['what it creates is there', { creates: '/etc/passwd' }, null],
    ['unless succeeds', { unless: 'true' }, null],
    ['unless fails', { unless: 'false' }, 'its `unless` does not hold'],
    ['the first line of unless fails', { unless: 'false\ntrue' }, 'its `unless` does not hold'],
    ['unless says something', { unless: "echo 'ended 1'; true" }, null],
    [
      'unless asks for a program that is not there yet',
      { unless: 'no-such-program' },
      'its `unless` does not hold',
    ],
    ['unless reads its input', { unless: 'test -z "$(cat)"' }, null],
    ['unless leaves', { unless: 'exit 0' }, null],
  ])('%s', (_, rest, reason) => {
    const { change, problems } = plan(rest);
    expect(problems).toEqual([]);
    expect(change?.reason ?? null).toBe(reason);
  });

  it('is unknown where unless is ended by a signal', () => {
    expect(() => plan({ unless: 'kill -9 $$' })).toThrow(UnknownFact);
  });

  it('is refused where its lines are no shell', () => {
    for (const wrong of [{ run: 'if true; then', creates: '/etc/passwd' }, { unless: 'a ) b' }]) {
      const { change, problems } = plan(wrong);
      expect(change).toBeNull();
      expect(problems).toMatchObject([{ severity: 'error', code: 'bad-shell', resource: 'command:it' }]);
      expect(problems[0]?.detail).toMatch(/syntax error/i);
    }
  });
});

describe.each(['/bin/sh', '/bin/bash'])('how a command runs in %s', (shell) => {
  it('line after line, as it stands, until one fails', () => {
    const path = join(temporaryFolder(), 'said');
    const { exitCode, stderr } = run(
      {
        run: `x='a "b" $HOME'
echo "$x" >${path}
cat >>${path} <<'END'
it's \${x}
END
cd /nowhere
echo no >>${path}`,
      },
      shell,
    );
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('/nowhere');
    expect(readFileSync(path, 'utf8')).toBe('a "b" $HOME\nit\'s ${x}\n');
  });

  it('with its exit code, and without a say in the script around it', () => {
    expect(run({ run: 'exit 7' }, shell).exitCode).toBe(7);
    expect(run({ run: 'm=x; c=0; set +e; false; true' }, shell).exitCode).toBe(0);
    expect(run({ run: 'cat' }, shell)).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('within its time', () => {
    const { exitCode, stderr } = run({ run: 'sleep 30', timeout: 1 }, shell);
    expect(exitCode).toBe(124);
    expect(stderr).toContain('it did not end within 1 s');
  });

  it('not in an argument list, where everybody on the host could read it', () => {
    const folder = temporaryFolder();
    const lines = `word=hidden; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >${folder}/seen || :`;
    const [step] = plan({ unless: 'false', run: lines }).change?.steps ?? [];
    writeFileSync(join(folder, 'step'), step?.script.text.reveal() ?? '');
    expect(runShell(`${shell} ${folder}/step`).exitCode).toBe(0);
    const seen = readFileSync(join(folder, 'seen'), 'utf8');
    expect(seen).toContain(`${folder}/step`);
    expect(seen).not.toContain('word=hidden');
  });

  it('and ends with the script around it', async () => {
    const folder = temporaryFolder();
    const [step] = plan({ unless: 'false', run: `sleep 2; echo >${folder}/late` }).change?.steps ?? [];
    const text = step?.script.text.reveal() ?? '';
    writeFileSync(join(folder, 'step'), text);
    // As the connection's loss does it: a signal to the whole group.
    runShell(`setsid ${shell} ${folder}/step & sleep 0.5; kill -TERM -- -$!; wait`, { shell: '/bin/bash' });
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect(existsSync(join(folder, 'late'))).toBe(false);
  });
});

it('a password in its lines is not shown', () => {
  const { change } = plan({ unless: 'false', run: 'curl -d password=hunter22 http://localhost' });
  expect(JSON.stringify(change)).not.toContain('hunter22');
  expect(change?.steps[0]?.script.text.reveal()).toContain('hunter22');
});
