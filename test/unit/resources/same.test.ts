import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SAME } from '../../../src/resources/kept.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-same-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
writeFileSync(join(dir, 'a'), 'x\0y\n');
writeFileSync(join(dir, 'b'), 'x\0y\n');
writeFileSync(join(dir, 'c'), 'x\0z\n');

it.each([
  ['a', 'b', true],
  ['a', 'c', false],
  ['a', 'none', false],
  ['none', 'a', false],
  ['none', 'none', false],
  ['.', '.', false],
])('%s and %s: %s, without a word', (one, other, isSame) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `${SAME.text.reveal()}\nsame ${one} ${other}`], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect([status === 0, stdout, stderr]).toEqual([isSame, '', '']);
});
