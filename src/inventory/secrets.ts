import type { Diagnostic } from '../base/diagnostic.js';
import { err, ok, type Result } from '../base/result.js';
import { Secret } from '../base/secret.js';
import type { Inventory, SecretRef, VrrpInstance } from './model.js';
import { show } from './show.js';
import { authPassProblem } from './words.js';
import type { Environment } from './yaml/environment.js';

export interface SecretFile {
  readonly text: string;
  readonly worldReadable: boolean;
}

export interface CommandResult {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How secrets are fetched from this machine. `readFile` and `runCommand` may throw. */
export interface SecretDeps {
  readonly env: Environment;
  readonly readFile: (path: string) => Promise<SecretFile>;
  /** Runs `sh -c COMMAND`. */
  readonly runCommand: (command: string) => Promise<CommandResult>;
  /** Takes warnings, such as about a file that all may read. */
  readonly warn?: (warning: Diagnostic) => void;
}

/** Fetches one secret. One line break at its end is not part of it. No diagnostic ever holds it. */
export async function resolveSecret(ref: SecretRef, deps: SecretDeps): Promise<Result<Secret, Diagnostic>> {
  const { source } = ref;
  const fail = (code: string, summary: string, more: Pick<Diagnostic, 'detail' | 'hint'> = {}) =>
    err<Diagnostic>({ severity: 'error', code, summary, source, ...more });
  switch (ref.kind) {
    case 'literal':
      return ok(ref.value);
    case 'env': {
      const value = Object.hasOwn(deps.env, ref.name) ? deps.env[ref.name] : undefined;
      if (value === undefined) return fail('env-not-set', `the environment variable ${ref.name} is not set`);
      return ok(new Secret(value));
    }
    case 'file':
      try {
        const { text, worldReadable } = await deps.readFile(ref.path);
        if (worldReadable) {
          const summary = `everybody on this machine can read ${show(ref.path)}`;
          const hint = `chmod 600 ${ref.path}`;
          deps.warn?.({ severity: 'warning', code: 'secret-world-readable', summary, hint, source });
        }
        return ok(new Secret(withoutLineBreak(text)));
      } catch (error) {
        return fail('secret-file', `${show(ref.path)} cannot be read`, { detail: messageOf(error) });
      }
    case 'command':
      try {
        const { exitCode, stdout, stderr } = await deps.runCommand(ref.command);
        if (exitCode === 0) return ok(new Secret(withoutLineBreak(stdout)));
        const end = exitCode === null ? 'was ended by a signal' : `failed with exit code ${exitCode}`;
        const summary = `the command for the secret ${end}`;
        return fail('secret-command', summary, stderr.trim() === '' ? {} : { detail: stderr.trimEnd() });
      } catch (error) {
        return fail('secret-command', 'the command for the secret could not be run', {
          detail: messageOf(error),
        });
      }
    case 'prompt':
      return fail('not-supported-yet', 'asking for a secret is not supported yet');
  }
}

function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The key of an instance's password in the map that `resolveClusterSecrets` gives. */
export function secretKey(cluster: string, instance: string): string {
  return `${cluster}/${instance}`;
}

/**
 * Every `auth_pass`, by `CLUSTER/INSTANCE`, checked as one that stands in the inventory is. Instances without
 * one are not in the map.
 */
export async function resolveClusterSecrets(
  inventory: Inventory,
  deps: SecretDeps,
): Promise<Result<ReadonlyMap<string, Secret>, Diagnostic[]>> {
  const found = new Map<string, Secret>();
  const failed: Diagnostic[] = [];
  // One after the other: two commands may both want to ask something.
  for (const { name, vrrpInstances } of inventory.clusters) {
    for (const instance of vrrpInstances) {
      const secret = await resolveAuthPass(instance, deps);
      if (secret === undefined) continue;
      if (secret.ok) found.set(secretKey(name, instance.name), secret.value);
      else failed.push({ ...secret.error, cluster: name });
    }
  }
  return failed.length > 0 ? err(failed) : ok(found);
}

async function resolveAuthPass(
  { name, authPass }: VrrpInstance,
  deps: SecretDeps,
): Promise<Result<Secret, Diagnostic> | undefined> {
  if (authPass === null) return undefined;
  const secret = await resolveSecret(authPass, deps);
  const problem = secret.ok ? authPassProblem(secret.value.reveal()) : undefined;
  if (problem === undefined) return secret;
  const summary = `the "auth_pass" of "${name}" ${problem}`;
  return err({ severity: 'error', code: 'bad-auth-pass', summary, source: authPass.source });
}
