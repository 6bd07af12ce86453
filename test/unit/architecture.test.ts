import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

/** Which room may import from which others, besides itself; a file where only that one is meant. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  inventory: ['base'],
  render: ['base', 'inventory'],
  resources: ['base', 'inventory', 'render'],
  playbook: ['base', 'inventory', 'render', 'resources'],
  planning: ['base', 'inventory', 'render', 'resources', 'playbook'],
  transport: ['base', 'inventory'],
  engine: ['base', 'inventory', 'render', 'resources', 'playbook', 'planning', 'transport'],
  report: ['base', 'planning', 'engine/events.ts', 'engine/documents.ts'],
  commands: [
    'base',
    'inventory',
    'render',
    'resources',
    'playbook',
    'planning',
    'transport',
    'engine',
    'report',
  ],
  'main.ts': ['base', 'commands', 'report'],
};

/** Where a package may be imported; everything else may be everywhere. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  yaml: /^inventory\/yaml\//,
  listr2: /^report\//,
  chalk: /^report\//,
  ssh2: /^transport\/ssh2-\w+\.ts$/,
  commander: /^main\.ts$/,
  '@bomb.sh/tab/commander': /^commands\/completion\.ts$/,
  zod: /^(?:inventory|commands)\/schema\.ts$/,
  'p-limit': /^commands\//,
  diff: /^resources\/diff\.ts$/,
  'ipaddr.js': /(?:^|\/)addresses\.ts$/,
  'node:fs': /^(?:inventory\/(?:load|own-config|local-secrets)\.ts|transport\/|commands\/)/,
  'node:child_process': /^(?:inventory\/local-secrets\.ts|transport\/)/,
};

/** Longer ones do several things. */
const MOST_LINES = 250;

interface Import {
  readonly from: string;
  /** A file of ours, or a package. */
  readonly to: string;
  readonly ours: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));

function importsOf({ file, text }: (typeof files)[number]): Import[] {
  const found = text.matchAll(/(?:^(?:import|export)\b[^'"`;]*?\bfrom |^import |\bimport\()\s*'([^']+)'/gm);
  return [...found].map(([, name = '']) => {
    const ours = name.startsWith('.');
    const path = resolve(SRC, dirname(file), name).replace(/\.js$/, '.ts');
    return { from: file, to: ours ? relative(SRC, path) : name, ours };
  });
}

const imports = files.flatMap(importsOf);
const roomOf = (file: string) => file.split('/')[0] ?? '';

describe('the imports of src', () => {
  it('are seen by this test', () => {
    const rooms = readdirSync(SRC).sort();
    expect(rooms).toEqual(Object.keys(ALLOWED).sort());
    expect(imports.length).toBeGreaterThan(files.length * 2);
    expect(imports).toContainEqual({ from: 'main.ts', to: 'commands/up.ts', ours: true });
    expect(imports).toContainEqual({ from: 'engine/observe.ts', to: 'resources/types.ts', ours: true });
    expect(imports.filter((it) => it.to === 'ssh2').length).toBeGreaterThan(0);
    const known = new Set(files.map((it) => it.file));
    expect(imports.filter((it) => it.ours && !known.has(it.to))).toEqual([]);
  });

  it.each(Object.entries(ALLOWED))('%s imports no more than it may', (room, allowed) => {
    const arrows = imports
      .filter((it) => it.ours && roomOf(it.from) === room && roomOf(it.to) !== room)
      .filter((it) => !allowed.includes(roomOf(it.to)) && !allowed.includes(it.to));
    expect(arrows.map((it) => `${it.from} -> ${it.to}`)).toEqual([]);
  });

  it.each(Object.entries(PACKAGES))('%s stays where it belongs', (name, places) => {
    const strangers = imports
      .filter((it) => !it.ours && (it.to === name || it.to.startsWith(`${name}/`)))
      .filter((it) => !places.test(it.from));
    expect(strangers.map((it) => it.from)).toEqual([]);
  });

  it('run in no circle of rooms', () => {
    const arrows = imports.filter((it) => it.ours && roomOf(it.from) !== roomOf(it.to));
    const order = Object.keys(ALLOWED);
    const back = arrows.filter((it) => order.indexOf(roomOf(it.to)) > order.indexOf(roomOf(it.from)));
    expect(back.map((it) => `${it.from} -> ${it.to}`)).toEqual([]);
  });
});

it('no file is too long to be read at once', () => {
  const long = files.map(({ file, text }) => [file, text.trimEnd().split('\n').length] as const);
  expect(long.filter(([, lines]) => lines > MOST_LINES)).toEqual([]);
});

it('exits in one place only', () => {
  const leaving = files.filter(({ text }) => /process\.exit\(|process\.exitCode\s*=/.test(text));
  expect(leaving.map((it) => it.file)).toEqual(['main.ts']);
});

it('reveals secrets only where they leave for a host, or are compared', () => {
  const revealing = files.filter(({ text }) => text.includes('.reveal()')).map((it) => roomOf(it.file));
  expect(revealing.filter((room) => room === 'report' || room === 'planning')).toEqual([]);
});
