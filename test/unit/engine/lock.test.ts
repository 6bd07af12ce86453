import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Command, raw } from '../../../src/base/shell.js';
import {
  acquireScript,
  fenceScript,
  LOCK_LOST,
  LOCK_TTL,
  LOCKED_EXIT,
  parseHolder,
  parseLast,
  releaseScript,
  seizeScript,
  whileLocked,
} from '../../../src/engine/lock.js';
import {
  isAlive,
  lastOwnerProbe,
  lookScript,
  parseLook,
  removeScript,
} from '../../../src/engine/lock-look.js';
import { STATE_DIR } from '../../../src/render/platform.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const ann = {
  token: 'aaaa',
  who: "ann@box (it's her)",
  command: 'lbctl up',
  since: '2024-05-01T10:00:00.000Z',
};
const bob = {
  token: 'bbbb',
  who: 'bob@desk',
  command: 'lbctl rollback --to 3',
  since: '2024-05-01T10:01:00.000Z',
};

let folder = '';
beforeEach(() => {
  folder = join(temporaryFolder(), 'lbctl');
});
const on = (script: ReturnType<typeof acquireScript>) =>
  runShell(script, { replace: { [STATE_DIR]: folder } });
const holder = () => /^who=(.*)$/m.exec(readFileSync(join(folder, 'lock'), 'utf8'))?.[1];

/** As if its owner had renewed it so many seconds ago; or before the last boot. */
function age(seconds: number, boot?: string): void {
  const path = join(folder, 'lock');
  const text = readFileSync(path, 'utf8');
  const renewed = Number(/^renewed=(\d+)$/m.exec(text)?.[1]) - seconds;
  const aged = text.replace(/^renewed=.*$/m, `renewed=${renewed}`);
  writeFileSync(path, boot === undefined ? aged : aged.replace(/^boot=.*$/m, `boot=${boot}`));
}

describe('the lock of a host', () => {
  it('is taken where it is free, in a folder for root alone', () => {
    expect(on(acquireScript(ann))).toEqual({ stdout: 'last=\n', stderr: '', exitCode: 0 });
    expect(holder()).toBe(ann.who);
    expect([folder, join(folder, 'lock')].map((it) => (statSync(it).mode & 0o777).toString(8))).toEqual([
      '700',
      '600',
    ]);
  });

  it('is refused to everybody else, with who has it and since when', () => {
    on(acquireScript(ann));
    age(12);
    const { exitCode, stdout } = on(acquireScript(bob));
    expect(exitCode).toBe(LOCKED_EXIT);
    expect(parseHolder(stdout)).toMatchObject({ who: ann.who, command: 'lbctl up', since: ann.since });
    expect(parseHolder(stdout).age).toBeGreaterThanOrEqual(12);
    expect(holder()).toBe(ann.who);
  });

  it('is given again to its owner', () => {
    on(acquireScript(ann));
    expect(on(acquireScript(ann)).exitCode).toBe(0);
  });

  it.each([
    [LOCK_TTL - 5, false],
    [LOCK_TTL + 1, true],
  ])('that nobody renewed for %i s is free: %s', (seconds, free) => {
    on(acquireScript(ann));
    age(seconds);
    expect(on(acquireScript(bob)).exitCode).toBe(free ? 0 : LOCKED_EXIT);
    expect(holder()).toBe(free ? bob.who : ann.who);
  });

  it('from before a reboot counts from the boot', () => {
    on(acquireScript(ann));
    age(0, 'another-boot');
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(on(acquireScript(bob)).exitCode).toBe(uptime > LOCK_TTL ? 0 : LOCKED_EXIT);
  });

  it('is renewed by the fence, and lost once somebody else has it', () => {
    on(acquireScript(ann));
    age(50);
    expect(on(fenceScript(ann.token)).exitCode).toBe(0);
    expect(on(acquireScript(bob)).exitCode).toBe(LOCKED_EXIT);
    age(LOCK_TTL + 1);
    on(acquireScript(bob));
    expect(on(fenceScript(ann.token))).toMatchObject({
      exitCode: LOCKED_EXIT,
      stderr: expect.stringContaining(bob.who),
    });
    expect(on(fenceScript(bob.token)).exitCode).toBe(0);
  });

  it('keeps what it says of its owner when it is renewed', () => {
    on(acquireScript(ann));
    on(fenceScript(ann.token));
    expect(parseHolder(on(acquireScript(bob)).stdout)).toMatchObject({ who: ann.who, since: ann.since });
  });

  it('that is gone lets no change pass', () => {
    expect(on(fenceScript(ann.token)).exitCode).toBe(LOCKED_EXIT);
  });

  it('is released by its owner alone, and nothing is left of it', () => {
    on(acquireScript(ann));
    expect(on(releaseScript(bob.token)).exitCode).toBe(0);
    expect(holder()).toBe(ann.who);
    expect(on(releaseScript(ann.token)).exitCode).toBe(0);
    expect(readdirSync(folder)).toEqual(['lock.guard', 'lock.last', 'lock.step']);
    expect(on(acquireScript(bob)).exitCode).toBe(0);
  });

  it('tells who had it last, released or not, and whoever looks as well', () => {
    const told = () => parseLast(on(lastOwnerProbe.script).stdout);
    expect(told()).toBe('');
    expect(parseLast(on(acquireScript(ann)).stdout)).toBe('');
    on(releaseScript(ann.token));
    expect(told()).toBe(ann.token);
    expect(parseLast(on(acquireScript(bob)).stdout)).toBe(ann.token);
    on(fenceScript(bob.token));
    expect(told()).toBe(bob.token);
    on(seizeScript(bob.token));
    expect(told()).toBe(`${bob.token}-host`);
  });

  it('whose last owner cannot be read tells that, and nobody takes it for the one before', () => {
    on(acquireScript(ann));
    writeFileSync(join(folder, 'lock.last'), '');
    expect(on(lastOwnerProbe.script).exitCode).not.toBe(0);
    expect(parseLast(on(acquireScript(ann)).stdout)).toBe('unknown');
  });

  it('of two that come at once one wins', () => {
    const [one, two] = [ann, bob].map((it) => acquireScript(it).text.reveal());
    const script = `( ${one}\n) >/dev/null & a=$!\n( ${two}\n) >/dev/null & b=$!\nwait $a; ra=$?; wait $b; echo "$ra $?"`;
    const { stdout } = runShell(script, { replace: { [STATE_DIR]: folder } });
    expect(stdout.trim().split(' ').sort()).toEqual(['0', String(LOCKED_EXIT)]);
  });
});

it('a lock that says nothing of its owner is still somebody’s', () => {
  expect(parseHolder('')).toEqual({ who: 'somebody', command: '', since: '', age: 0, stepRuns: false });
});

describe('a step', () => {
  const step = (owner: typeof ann, code: string) => whileLocked(owner.token, raw(code));

  it('runs while the lock is ours, and its exit code and output are its own', () => {
    on(acquireScript(ann));
    expect(on(step(ann, 'echo out; echo err >&2; exit 3'))).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 3,
    });
    expect(on(step(ann, 'set -e; false; echo on')).stdout).toBe('');
  });

  it.each([
    ['somebody else took', () => on(acquireScript(bob)), bob.who],
    ['was released', () => on(releaseScript(ann.token)), 'it was released'],
  ])('is not begun once the lock %s', (_, lose, words) => {
    on(acquireScript(ann));
    age(LOCK_TTL + 1);
    lose();
    expect(on(step(ann, 'echo ran'))).toEqual({
      stdout: '',
      stderr: `${LOCK_LOST}: ${words}${words === bob.who ? ' has it' : ''}\n`,
      exitCode: LOCKED_EXIT,
    });
  });

  it('that is still running keeps the lock from the next one, however old it is', () => {
    on(acquireScript(ann));
    age(LOCK_TTL + 1);
    const long = step(ann, `touch ${folder}/busy; while [ -e ${folder}/busy ]; do sleep 0.05; done`);
    const { stdout } = together(long, acquireScript(bob), lookScript());
    expect(parseHolder(stdout)).toMatchObject({ who: ann.who, stepRuns: true });
    expect(parseLook(stdout)).toMatchObject({ who: ann.who, stepRuns: true });
    expect(stdout).toContain(`exit ${LOCKED_EXIT}`);
    expect(holder()).toBe(ann.who);
  }, 15_000);

  it('that is nearly done is waited for; the next one of that run is not begun', () => {
    on(acquireScript(ann));
    age(LOCK_TTL + 1);
    const batch = raw(`( ${step(ann, 'sleep 1; echo one')}\n); sleep 2; ( ${step(ann, 'echo two')}\n) 2>&1`);
    const { stdout } = together(batch, acquireScript(bob));
    expect(stdout).toContain('exit 0');
    expect(stdout).toContain('one');
    expect(stdout).not.toContain('two');
    expect(holder()).toBe(bob.who);
  }, 15_000);

  it('leaves nothing behind that holds the lock', () => {
    on(acquireScript(ann));
    on(step(ann, 'sleep 3 >/dev/null 2>&1 &'));
    on(releaseScript(ann.token));
    expect(on(acquireScript(bob)).exitCode).toBe(0);
  });

  /** The first in the background, the others a moment later; their exit codes are printed. It ends after them. */
  function together(first: Command, ...others: Command[]) {
    const later = others.map((it) => `( ${it.text.reveal()}\n); echo "exit $?"`).join('\n');
    return on(raw(`( ${first.text.reveal()}\n) & sleep 0.5\n${later}\nrm -f ${folder}/busy; wait`));
  }
});

describe('looking at the lock', () => {
  it('finds none where there is none, not even the folder, and makes nothing', () => {
    expect(on(lookScript())).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(existsSync(folder)).toBe(false);
    expect(parseLook('')).toBeNull();
  });

  it('tells whose it is and how old', () => {
    on(acquireScript(ann));
    age(12);
    const found = parseLook(on(lookScript()).stdout);
    expect(found).toMatchObject({ ...ann, stepRuns: false });
    expect(found?.age).toBeGreaterThanOrEqual(12);
  });

  it.each([
    [LOCK_TTL - 1, false, true],
    [LOCK_TTL, false, false],
    [500, true, true],
  ])('%i s old, a step runs: %s; alive: %s', (seconds, stepRuns, alive) => {
    expect(isAlive({ ...ann, age: seconds, stepRuns })).toBe(alive);
  });
});

describe('removing the lock that was found', () => {
  it.each([
    [LOCK_TTL + 1, 'refuse', true],
    [5, 'refuse', false],
    [5, 'remove', true],
  ] as const)('%i s old, alive ones %s: gone %s', (seconds, alive, gone) => {
    on(acquireScript(ann));
    age(seconds);
    const { exitCode } = on(removeScript(ann.token, { alive }));
    expect(exitCode).toBe(gone ? 0 : LOCKED_EXIT);
    expect(existsSync(join(folder, 'lock'))).toBe(!gone);
  });

  it('leaves the next one alone', () => {
    on(acquireScript(bob));
    const { exitCode, stdout } = on(removeScript(ann.token, { alive: 'remove' }));
    expect([exitCode, parseHolder(stdout).who]).toEqual([LOCKED_EXIT, bob.who]);
    expect(holder()).toBe(bob.who);
  });

  it('that is gone meanwhile is done', () => {
    expect(on(removeScript(ann.token, { alive: 'refuse' })).exitCode).toBe(0);
  });
});
