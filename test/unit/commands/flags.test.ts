import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.js';
import { drill } from '../../../src/commands/drill.js';
import { history } from '../../../src/commands/history.js';
import { inventoryPath, useColor, wholeNumber } from '../../../src/commands/input.js';
import { lockRelease, lockStatus } from '../../../src/commands/lock.js';
import type { GlobalOptions, StatusOptions, UpOptions } from '../../../src/commands/options.js';
import { ping } from '../../../src/commands/ping.js';
import { plan } from '../../../src/commands/plan.js';
import { status } from '../../../src/commands/status.js';
import { switchover } from '../../../src/commands/switchover.js';
import { up } from '../../../src/commands/up.js';
import { validate } from '../../../src/commands/validate.js';
import { testIo } from '../support/io.js';
import { SMALLEST } from '../support/model.js';
import { temporaryFolder } from '../support/shell.js';

describe('a whole number', () => {
  const range = { min: 1, max: 10 };
  it.each([
    [undefined, undefined],
    ['1', 1],
    ['10', 10],
    ['007', 7],
  ])('%s is %s', (text, expected) => {
    expect(wholeNumber('--n', text, range)).toBe(expected);
  });

  it.each(['', '0', '11', '-1', '1.5', '1e1', ' 1', 'many', '99999999999999999999'])(
    '"%s" is none: exit 3',
    (text) => {
      expect(() => wholeNumber('--n', text, range)).toThrow(
        expect.objectContaining({
          exitCode: 3,
          message: expect.stringContaining(`--n takes a whole number from 1 to 10, not "${text}"`),
        }),
      );
    },
  );
});

describe('a wrong flag: exit 3, and nothing is contacted', () => {
  const file = () => {
    const path = join(temporaryFolder(), 'inventory.yaml');
    // A documentation address: whoever contacted it would wait.
    writeFileSync(path, SMALLEST.replaceAll('10.0.0.', '192.0.2.'));
    return path;
  };
  const numbers: readonly [GlobalOptions, RegExp][] = [
    [{ parallel: 'all' }, /--parallel/],
    [{ limit: 'nobody' }, /--limit "nobody"/],
    [{ timeout: 'abc' }, /--timeout/],
    [{ lockWait: 'long' }, /--lock-wait/],
    [{ logFile: '/nowhere/log' }, /--log-file .*nowhere/],
  ];
  const commands = { up, plan, status, validate, ping, history, drill, lockStatus, lockRelease, switchover };
  const all = Object.entries(commands).flatMap(([name, command]) =>
    numbers.map(([options, message]) => [name, options, message, command] as const),
  );

  it.each(all)('%s %j', async (_, options, message, command) => {
    await expect(command(file(), { ...options, yes: true }, testIo())).rejects.toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message) }),
    );
  });

  const wrong: readonly [UpOptions, RegExp][] = [
    [{ parallel: 'all' }, /--parallel/],
    [{ parallel: '0' }, /--parallel/],
    [{ limit: 'nobody' }, /--limit "nobody"/],
    [{ timeout: '-5' }, /--timeout/],
  ];

  it.each(wrong)('up %j', async (options, message) => {
    await expect(up(file(), options, testIo())).rejects.toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message) }),
    );
  });

  it.each(wrong)('plan %j', async (options, message) => {
    await expect(plan(file(), options, testIo())).rejects.toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message) }),
    );
  });

  it.each(wrong)('status %j', async (options, message) => {
    await expect(status(file(), options, testIo())).rejects.toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message) }),
    );
  });

  it.each<[StatusOptions, RegExp]>([
    [{ interval: '5' }, /--interval goes with --watch/],
    [{ watch: true, interval: '0' }, /--interval takes a whole number/],
    [{ watch: true, prometheus: true }, /--prometheus prints one look/],
    [{ json: true, prometheus: true }, /--json and --prometheus/],
  ])('status %j', async (options, message) => {
    await expect(status(file(), options, testIo())).rejects.toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message) }),
    );
  });

  it.each<[UpOptions, RegExp]>([
    [{ lockWait: 'long' }, /--lock-wait/],
    [{ playbook: '/nowhere/up.yaml' }, /playbook .*nowhere.* cannot be read/],
    [{ logFile: '/nowhere/log' }, /--log-file .*nowhere/],
  ])('up %j', async (options, message) => {
    const io = testIo();
    await expect(up(file(), options, io)).rejects.toThrow(
      expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message) }),
    );
    expect(io.out()).toBe('');
  });

  it('a wrong playbook is answered with its lines', async () => {
    const playbook = join(temporaryFolder(), 'own.yaml');
    writeFileSync(playbook, '- play: x\n  order: sideways\n  tasks: []\n');
    const io = testIo();
    await expect(up(file(), { playbook }, io)).rejects.toThrow(UserError);
    expect(io.err()).toContain(`${playbook}:2:10: `);
    expect(io.err()).toContain('order: sideways');
    expect(io.err()).not.toContain('\u001b');
    const terminal = testIo({}, { isTTY: true });
    await expect(plan(file(), { playbook }, terminal)).rejects.toThrow(UserError);
    expect(terminal.err()).toContain(`\u001b[1m${playbook}:2:10: `);
  });

  it.each([up, plan, status])('a wrong inventory: %o', async (command) => {
    const io = testIo();
    expect(await command('/nowhere/inventory.yaml', {}, io)).toBe(3);
    expect([io.out(), io.err()]).toEqual(['', expect.stringContaining('there is no file')]);
  });
});

describe('where the inventory is', () => {
  it.each([
    ['a.yaml', { LBCTL_INVENTORY: 'b.yaml' }, 'a.yaml'],
    [undefined, { LBCTL_INVENTORY: 'b.yaml' }, 'b.yaml'],
    [undefined, {}, './inventory.yaml'],
    ['-', {}, '-'],
  ])('%s, %j: %s', (argument, env, expected) => {
    expect(inventoryPath(argument, env)).toBe(expected);
  });
});

describe('colours', () => {
  it.each([
    [true, {}, {}, true],
    [false, {}, {}, false],
    [true, { color: false }, {}, false],
    [true, {}, { NO_COLOR: '1' }, false],
    [true, {}, { NO_COLOR: '' }, true],
  ])('on a terminal: %s, %j, %j: %s', (isTTY, options, env, expected) => {
    const io = testIo(env, { isTTY });
    expect(useColor(io, options, io.stderr)).toBe(expected);
  });
});
