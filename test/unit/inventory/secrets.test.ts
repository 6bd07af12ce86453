import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../../src/base/diagnostic.js';
import { Secret } from '../../../src/base/secret.js';
import { localSecrets } from '../../../src/inventory/local-secrets.js';
import { resolveClusterSecrets, resolveSecret, type SecretDeps } from '../../../src/inventory/secrets.js';
import { accepted, change } from './helpers.js';

const source = { file: 'inventory.yaml', line: 8, column: 9, length: 1 };

const DEPS: SecretDeps = {
  env: { PW: 'geheim1', LONG: 'geheim1234', EMPTY: '' },
  readFile: async (path) => {
    if (path === '/missing') throw new Error('ENOENT: no such file');
    return { text: 'geheim2\n\n', worldReadable: path === '/open' };
  },
  runCommand: async (command) => {
    if (command === 'no sh') throw new Error('spawn sh ENOENT');
    return { exitCode: command === 'fail' ? 3 : 0, stdout: 'geheim3\r\n', stderr: 'gpg: no key\n' };
  },
};

describe('a secret', () => {
  it.each([
    [{ kind: 'literal', value: new Secret('a') }, 'a'],
    [{ kind: 'env', name: 'PW' }, 'geheim1'],
    [{ kind: 'env', name: 'EMPTY' }, ''],
    [{ kind: 'file', path: '/pw' }, 'geheim2\n'],
    [{ kind: 'command', command: 'pass show lb' }, 'geheim3'],
  ] as const)('%j', async (ref, expected) => {
    const result = await resolveSecret({ ...ref, source }, DEPS);
    expect(result.ok && result.value.reveal()).toBe(expected);
  });

  it.each([
    [{ kind: 'env', name: 'NONE' }, 'env-not-set', 'the environment variable NONE is not set', undefined],
    [
      { kind: 'env', name: 'constructor' },
      'env-not-set',
      'the environment variable constructor is not set',
      undefined,
    ],
    [{ kind: 'file', path: '/missing' }, 'secret-file', '"/missing" cannot be read', 'ENOENT: no such file'],
    [
      { kind: 'command', command: 'fail' },
      'secret-command',
      'the command for the secret failed with exit code 3',
      'gpg: no key',
    ],
    [
      { kind: 'command', command: 'no sh' },
      'secret-command',
      'the command for the secret could not be run',
      'spawn sh ENOENT',
    ],
    [{ kind: 'prompt' }, 'not-supported-yet', 'asking for a secret is not supported yet', undefined],
  ] as const)('%j fails at its place', async (ref, code, summary, detail) => {
    const result = await resolveSecret({ ...ref, source }, DEPS);
    expect(result.ok ? {} : result.error).toEqual({
      severity: 'error',
      code,
      summary,
      source,
      ...(detail === undefined ? {} : { detail }),
    });
  });

  it('in a file that all may read is warned about', async () => {
    const warnings: Diagnostic[] = [];
    await resolveSecret(
      { kind: 'file', path: '/open', source },
      { ...DEPS, warn: (warning) => warnings.push(warning) },
    );
    expect(warnings.map(({ code, hint }) => [code, hint])).toEqual([
      ['secret-world-readable', 'chmod 600 /open'],
    ]);
  });
});

describe('the passwords of an inventory', () => {
  const inventory = (ref: string) =>
    accepted(change('        virtual_ipaddress', `        auth_pass: ${ref}\n        virtual_ipaddress`));

  it('are found by cluster and instance', async () => {
    const result = await resolveClusterSecrets(inventory('{ env: PW }'), DEPS);
    expect(result.ok && [...result.value].map(([key, secret]) => [key, secret.reveal()])).toEqual([
      ['web/VI_1', 'geheim1'],
    ]);
  });

  it.each([
    [
      '{ env: LONG }',
      'the "auth_pass" of "VI_1" is longer than 8 characters: keepalived would cut it without a word',
    ],
    ['{ env: EMPTY }', 'the "auth_pass" of "VI_1" is empty'],
    ['{ file: /pw }', 'the "auth_pass" of "VI_1" holds a space, a line break or a control character'],
  ])('%s is checked again, and not shown', async (ref, summary) => {
    const result = await resolveClusterSecrets(inventory(ref), DEPS);
    expect(result.ok ? [] : result.error).toMatchObject([{ code: 'bad-auth-pass', summary, cluster: 'web' }]);
    expect(JSON.stringify(result)).not.toContain('geheim');
  });
});

describe('secrets of this machine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lbctl-secrets-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const deps = localSecrets({ env: { ...process.env, FROM: 'here' } });

  it('reads files with their mode', async () => {
    const path = join(folder, 'pw');
    writeFileSync(path, 'x\n', { mode: 0o600 });
    expect(await deps.readFile(path)).toEqual({ text: 'x\n', worldReadable: false });
  });

  it('runs commands through sh', async () => {
    expect(await deps.runCommand('echo "$FROM"; echo no >&2; exit 4')).toEqual({
      exitCode: 4,
      stdout: 'here\n',
      stderr: 'no\n',
    });
  });
});
