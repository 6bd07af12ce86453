import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeKey } from './sshd.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-writers-'));
const writer = join(dir, 'writer.mjs');
const EACH = 150;
const WRITERS = ['first', 'second'];
let key: string;

beforeAll(() => {
  key = readFileSync(`${makeKey(join(dir, 'key'), { type: 'rsa' })}.pub`, 'utf8').split(' ')[1] ?? '';
  const source = new URL('../../../src/transport/known-hosts-files.ts', import.meta.url).pathname;
  buildSync({
    stdin: {
      contents: `import { KnownHostsFiles } from ${JSON.stringify(source)};
const [file, who] = process.argv.slice(2);
const files = new KnownHostsFiles({ homeDir: '/nowhere' });
console.log('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
for (let n = 0; n < ${EACH}; n++)
  await files.add(file, who + n, Buffer.from(${JSON.stringify(key)}, 'base64'), { hash: false });
process.stdin.destroy();`,
      resolveDir: dir,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: writer,
  });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('two processes that add to one known_hosts at once: every line is there, and whole', async () => {
  const file = join(dir, 'known_hosts');
  // As somebody left it in an editor: the last line has no end.
  const before = `# mine\nold ssh-rsa ${key}`;
  writeFileSync(file, before);
  const processes = WRITERS.map((who) =>
    spawn(process.execPath, [writer, file, who], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const ended = processes.map((it) => new Promise<number | null>((resolve) => it.once('close', resolve)));
  await Promise.all(processes.map((it) => new Promise((resolve) => it.stdout.once('data', resolve))));
  for (const it of processes) it.stdin.write('go\n');
  expect(await Promise.all(ended)).toEqual([0, 0]);

  const text = readFileSync(file, 'utf8');
  expect(text.startsWith(`${before}\n`)).toBe(true);
  const names = WRITERS.flatMap((who) => Array.from({ length: EACH }, (_, n) => `${who}${n}`));
  const lines = text.split('\n').filter((line) => line !== '');
  expect(lines.slice(2).sort()).toEqual(names.map((name) => `${name} ssh-rsa ${key}`).sort());
  // Otherwise they did not write at the same time, and this says nothing.
  const order = lines.slice(2).map((line) => line.replace(/\d.*$/, ''));
  expect(order.filter((who, n) => who !== order[n + 1]).length).toBeGreaterThan(5);
}, 60_000);
