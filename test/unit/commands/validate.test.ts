import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { GlobalOptions } from '../../../src/commands/options.js';
import { validate } from '../../../src/commands/validate.js';
import { testIo } from '../support/io.js';
import { SMALLEST } from '../support/model.js';
import { temporaryFolder } from '../support/shell.js';

/** Runs `lbctl validate` on a text; FILE stands for its path in what it says. */
async function run(text: string, options: GlobalOptions = {}) {
  const path = join(temporaryFolder(), 'inventory.yaml');
  writeFileSync(path, text);
  const io = testIo();
  const exit = await validate(path, options, io);
  const [out, err] = [io.out(), io.err()].map((it) => it.replaceAll(path, 'FILE'));
  return { exit, out, err };
}

const WARNS = SMALLEST.replace('VI_1:\n', 'VI_1:\n        auth_pass: "secret12"\n');
const WRONG = SMALLEST.replace('default_backend: app', 'default_backend: aap').replace('hosts:', 'hsots:');

it('a right inventory', async () => {
  expect(await run(SMALLEST)).toEqual({ exit: 0, out: 'FILE is valid: 1 cluster, 2 hosts\n', err: '' });
});

it('one with a warning: right, and the warning on stderr', async () => {
  const { exit, out, err } = await run(WARNS);
  expect([exit, out]).toEqual([0, 'FILE is valid: 1 cluster, 2 hosts, 1 warning\n']);
  expect(err).toMatch(/^FILE:8:\d+: warning: /);
  expect(err).not.toContain('secret12');
});

it('a wrong one: every mistake at once, with its line, a caret and a suggestion', async () => {
  const { exit, out, err } = await run(WRONG);
  expect([exit, out]).toEqual([3, '']);
  expect(err).toMatch(/^FILE:3:5: .*"hsots"/m);
  expect(err).toMatch(/\^/);
  expect(err).toMatch(/hosts/);
  expect(err).toMatch(/^FILE:11:\d+: .*"aap"/m);
});

it('one that is not there', async () => {
  const io = testIo();
  expect(await validate('/nowhere/x.yaml', {}, io)).toBe(3);
  expect([io.out(), io.err()]).toEqual(['', expect.stringContaining('there is no file')]);
});

it.each<[what: string, text: string, options: GlobalOptions, exit: number, out: unknown]>([
  ['right', SMALLEST, { json: true }, 0, { valid: true, clusters: 1, hosts: 2, warnings: 0 }],
  ['with a warning', WARNS, { json: true }, 0, { valid: true, clusters: 1, hosts: 2, warnings: 1 }],
  ['wrong', WRONG, { json: true }, 3, { valid: false }],
])('as JSON: %s', async (_, text, options, exit, out) => {
  const found = await run(text, options);
  expect([found.exit, JSON.parse(found.out ?? '')]).toEqual([exit, out]);
});

it('quietly: nothing but mistakes', async () => {
  expect(await run(WARNS, { quiet: true })).toEqual({ exit: 0, out: '', err: '' });
  expect((await run(WRONG, { quiet: true })).err).toContain('"hsots"');
});
