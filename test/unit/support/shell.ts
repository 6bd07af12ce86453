import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Command } from '../../../src/base/shell.js';
import type { ProbeOutput } from '../../../src/resources/types.js';

/** A folder that is gone when the test ends. */
export function temporaryFolder(below = tmpdir()): string {
  const folder = mkdtempSync(join(below, 'lbctl-unit-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same beside servers of this process, which could not answer meanwhile. */
export function runShellAsync(script: Command, options: { readonly path: string }): Promise<ProbeOutput> {
  const env = { PATH: `${options.path}:${process.env.PATH}`, LC_ALL: 'C' };
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn('/bin/sh', ['-c', script.text.reveal()], { env, stdio: [...stdio], timeout: 20_000 });
  const read = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      read[name] += text;
    });
  return new Promise((resolve) =>
    child.on('close', (status) => resolve({ ...read, exitCode: status ?? -1 })),
  );
}

/** Runs a script as a host would: from a shell's text, without standard input. `replace` moves its paths. */
export function runShell(
  script: Command | string,
  options: {
    readonly shell?: string;
    readonly replace?: Readonly<Record<string, string>>;
    readonly path?: string;
  } = {},
): ProbeOutput {
  let text = typeof script === 'string' ? script : script.text.reveal();
  for (const [from, to] of Object.entries(options.replace ?? {})) text = text.replaceAll(from, to);
  const { status, stdout, stderr } = spawnSync(options.shell ?? '/bin/sh', ['-c', text], {
    encoding: 'utf8',
    env: { PATH: `${options.path === undefined ? '' : `${options.path}:`}${process.env.PATH}`, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  return { stdout, stderr, exitCode: status ?? -1 };
}
