import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadInventory, readInventoryText } from '../../../src/inventory/load.js';
import { BASE, change, complaints } from './helpers.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbctl-inventory-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function load(content: string | Buffer) {
  const file = join(folder, 'inventory.yaml');
  writeFileSync(file, content);
  const result = await loadInventory(file, { env: {} });
  return result.ok ? [] : result.error.map(({ code, source }) => `${source?.line}:${source?.column} ${code}`);
}

async function codeOf(path: string) {
  const result = await loadInventory(path, { env: {} });
  return result.ok ? 'ok' : result.error.map(({ code, summary }) => `${code}: ${summary}`).join();
}

describe('a file that is no inventory', () => {
  it('missing, a directory, without a name', async () => {
    expect(await codeOf('/nowhere/inventory.yaml')).toBe(
      'no-file: there is no file "/nowhere/inventory.yaml"',
    );
    expect(await codeOf(folder)).toBe(`no-file: "${folder}" is a directory`);
    expect(await codeOf('')).toBe('no-file: the name of the inventory is empty');
  });

  it.each([
    ['empty', '', '1:1 empty'],
    ['only comments', '# nothing\n\n---\n', '1:1 empty'],
    ['NUL', 'clusters:\n  a\0b: {}\n', '2:4 not-text'],
    ['not UTF-8', Buffer.from('clusters:\n  a: "\xfc"\n', 'latin1'), '2:7 not-utf8'],
    ['UTF-16', Buffer.from('\ufeffclusters:\n', 'utf16le'), '1:1 not-utf8'],
    ['a list', '- clusters\n', '1:1 wrong-type'],
    ['a text', 'clusters\n', '1:1 wrong-type'],
    ['JSON of something else', '{"a": 1}', '1:1 missing-key'],
    ['larger than 1 MB', `${BASE}#${'x'.repeat(1024 * 1024)}`, 'undefined:undefined too-large'],
    ['10 MB', Buffer.alloc(10 * 1024 * 1024, 'a: b\n'), 'undefined:undefined too-large'],
  ])('%s', async (_, content, expected) => {
    expect(await load(content)).toContain(expected);
  });

  it('a file of just 1 MB is read', async () => {
    expect(await load(`${BASE}#${'x'.repeat(1024 * 1024 - BASE.length - 1)}`)).toEqual([]);
  });
});

describe('a document that would cost too much', () => {
  const bomb = (levels: number): string =>
    [
      'x-0: &a0 [a, b]',
      ...Array.from({ length: levels }, (_, i) => `x-${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`),
    ].join('\n');

  it('aliases that multiply', () => {
    expect(complaints(`${bomb(30)}\n${BASE}`)).toEqual([
      '8:21: aliases make this document larger than 10000 values',
    ]);
  });

  it('aliases that nest', () => {
    const nest = [
      'x-0: &a0 [a]',
      ...Array.from({ length: 99 }, (_, i) => `x-${i + 1}: &a${i + 1} [*a${i}]`),
    ].join('\n');
    expect(complaints(`${nest}\n${BASE}`)).toEqual(['51:13: nested more than 50 levels deep']);
  });

  it.each(['[', '{a: ', '- ', '? ', '{? ', '[*a, '])('%s by the thousand', (piece) => {
    expect(complaints(`a: 1\nb:\n  ${piece.repeat(20_000)}`)).toHaveLength(1);
  });

  it('wrong keys by the thousand', () => {
    const start = performance.now();
    expect(
      complaints(Array.from({ length: 20_000 }, (_, i) => `cluster${i}: 1`).join('\n')).length,
    ).toBeGreaterThan(100);
    expect(performance.now() - start).toBeLessThan(25_000);
  });
});

describe('standard input', () => {
  it('is read for -', async () => {
    const result = await loadInventory('-', { env: {}, stdin: () => BASE });
    expect(result.ok && result.value.inventory.file).toBe('-');
  });

  it('gives places in "-"', async () => {
    const result = await loadInventory('-', { env: {}, stdin: () => change('bind: [80]', 'bind: [0]') });
    expect(result.ok ? [] : result.error[0]?.source).toEqual({ file: '-', line: 11, column: 24, length: 1 });
  });

  it('is limited too', async () => {
    const result = await readInventoryText('-', { stdin: () => 'ü'.repeat(600_000) });
    expect(result.ok ? '' : result.error[0]?.summary).toBe(
      'standard input is larger than 1 MB: this is no inventory',
    );
  });
});

describe('relative paths', () => {
  it("start at the inventory's folder", async () => {
    const file = join(folder, 'relative.yaml');
    writeFileSync(file, `ssh: { identity_file: key }\n${BASE}`);
    const result = await loadInventory(file, { env: {} });
    expect(result.ok && result.value.inventory.clusters[0]?.hosts[0]?.ssh.identityFile).toBe(
      join(folder, 'key'),
    );
  });
});
