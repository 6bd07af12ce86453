import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { build } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { bundle } from './support/bundle.js';

/** What a command's module loads when it is imported; what it imports later, by itself, is not followed. */
const loads = new Map<string, readonly string[]>();

const ENTRIES = [
  'main',
  'commands/validate',
  'commands/up',
  'commands/plan',
  'commands/status',
  'commands/schema',
];

beforeAll(async () => {
  const { metafile } = await build({
    entryPoints: ENTRIES.map((it) => `src/${it}.ts`),
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', write: false, metafile: true },
    ...{ outdir: 'unused', packages: 'bundle', external: ['cpu-features', '*.node'], logLevel: 'silent' },
  });
  for (const entry of ENTRIES) {
    const first = Object.keys(metafile.outputs).find(
      (it) => metafile.outputs[it]?.entryPoint === `src/${entry}.ts`,
    );
    const seen = new Set<string>();
    const follow = (output: string) => {
      if (seen.has(output)) return;
      seen.add(output);
      for (const it of metafile.outputs[output]?.imports ?? []) {
        if (it.kind === 'import-statement' && it.external !== true) follow(it.path);
      }
    };
    follow(first ?? '');
    const inputs = [...seen].flatMap((it) => Object.keys(metafile.outputs[it]?.inputs ?? {}));
    const packages = inputs.flatMap((it) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(it)?.[1] ?? []);
    loads.set(entry, [...new Set(packages)].sort());
  }
}, 60_000);

it.each([
  ['main', ['commander']],
  ['commands/validate', ['ipaddr.js', 'yaml']],
  ['commands/up', ['diff', 'ipaddr.js', 'p-limit', 'yaml', 'yocto-queue']],
  ['commands/plan', ['diff', 'ipaddr.js', 'p-limit', 'yaml', 'yocto-queue']],
  ['commands/status', ['diff', 'ipaddr.js', 'p-limit', 'yaml', 'yocto-queue']],
  ['commands/schema', ['zod']],
])('%s starts with no more packages than it needs', (entry, packages) => {
  expect(loads.get(entry)).toEqual(packages);
});

it('of what is shipped this node has the compiled code beside it, and takes it', () => {
  const { folder, said, remove } = bundle();
  try {
    // The run for it was whole.
    expect(said).toBe('');
    const named = (end: string) => readdirSync(folder).filter((it) => it.endsWith(end));
    expect([named('.cjs').length, named('.cache')]).toEqual([
      1,
      [expect.stringContaining(`.${process.version}-${process.arch}.`)],
    ]);
    const source = readFileSync(join(folder, named('.cjs')[0] ?? ''), 'latin1');
    const cachedData = readFileSync(join(folder, named('.cache')[0] ?? ''));
    expect(new Script(source, { cachedData }).cachedDataRejected).toBe(false);
    expect(new Script(`${source} `, { cachedData }).cachedDataRejected).toBe(true);
  } finally {
    remove();
  }
});
