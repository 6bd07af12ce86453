import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  acquireScript,
  fenceScript,
  LOCK_TTL,
  LOCKED_EXIT,
  parseHolder,
  releaseScript,
} from '../../../src/engine/lock.js';
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
    expect(on(acquireScript(ann))).toEqual({ stdout: '', stderr: '', exitCode: 0 });
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
    expect(readdirSync(folder)).toEqual(['lock.guard']);
    expect(on(acquireScript(bob)).exitCode).toBe(0);
  });

  it('of two that come at once one wins', () => {
    const [one, two] = [ann, bob].map((it) => acquireScript(it).text.reveal());
    const script = `( ${one}\n) >/dev/null & a=$!\n( ${two}\n) >/dev/null & b=$!\nwait $a; ra=$?; wait $b; echo "$ra $?"`;
    const { stdout } = runShell(script, { replace: { [STATE_DIR]: folder } });
    expect(stdout.trim().split(' ').sort()).toEqual(['0', String(LOCKED_EXIT)]);
  });
});

it('a lock that says nothing of its owner is still somebody’s', () => {
  expect(parseHolder('')).toEqual({ who: 'somebody', command: '', since: '', age: 0 });
});
