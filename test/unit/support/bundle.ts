import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Bundle {
  /** A folder with `lbctl` in it, for a PATH. */
  readonly folder: string;
  /** What the build complained of. */
  readonly said: string;
  remove(): void;
}

/** lbctl as it is shipped, made from the sources as they are. */
export function bundle(): Bundle {
  const base = mkdtempSync(join(tmpdir(), 'lbctl-bundle-'));
  const folder = join(base, 'dist');
  const { status, stderr } = spawnSync(process.execPath, ['build.mjs', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
  symlinkSync('main.js', join(folder, 'lbctl'));
  for (const shipped of ['playbooks', 'inventory']) symlinkSync(join(ROOT, shipped), join(base, shipped));
  return { folder, said: stderr, remove: () => rmSync(base, { recursive: true, force: true }) };
}

export interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with `lbctl` in the PATH and nothing else of this process's environment. */
export function run(
  { folder }: Bundle,
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string>; readonly input?: string } = {},
): Ran {
  const { cwd = folder, env = {}, input } = options;
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { PATH: `${folder}:${process.env.PATH}`, HOME: folder, LANG: 'C.UTF-8', NO_COLOR: '1', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
    timeout: 60_000,
  });
  return { exit: status, stdout, stderr };
}
