import { spawn } from 'node:child_process';
import type { Diagnostic } from '../base/diagnostic.js';
import { readSecretFile } from './load.js';
import type { CommandResult, SecretDeps } from './secrets.js';
import type { Environment } from './yaml/environment.js';

/** Secrets from this machine: its environment, its files, its commands. */
export function localSecrets(options: {
  readonly env: Environment;
  readonly warn?: (warning: Diagnostic) => void;
}): SecretDeps {
  return {
    ...options,
    readFile: readSecretFile,
    runCommand: (command) => runCommand(command, options.env),
  };
}

/** With the terminal as standard input: password managers ask there for what opens them. */
function runCommand(command: string, env: Environment): Promise<CommandResult> {
  return new Promise((done, failed) => {
    const child = spawn('sh', ['-c', command], { env: { ...env }, stdio: ['inherit', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('error', failed);
    child.on('close', (exitCode) => done({ exitCode, stdout, stderr }));
  });
}
