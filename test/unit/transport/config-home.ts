import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach } from 'vitest';
import { ConfigLookup, type ConfigQuestion } from '../../../src/transport/config-lookup.js';

export const hasSsh = spawnSync('ssh', ['-V']).status === 0;

export const question = (name: string, more: Partial<ConfigQuestion> = {}): ConfigQuestion => ({
  name,
  user: null,
  port: null,
  alias: null,
  ...more,
});

/** A home directory and a system file, both without an ssh configuration before each test, and who reads what is written there. */
export function configHome() {
  const home = mkdtempSync(join(tmpdir(), 'lbctl-config-'));
  const user = join(home, '.ssh', 'config');
  const system = join(home, 'system');
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  beforeEach(() => {
    rmSync(join(home, '.ssh'), { recursive: true, force: true });
    mkdirSync(join(home, '.ssh'), { recursive: true });
    rmSync(system, { force: true });
  });
  const lookup = (program: string | null = 'ssh') =>
    new ConfigLookup({ homeDir: home, files: [user, system], program });
  return { home, user, system, lookup };
}
