import { UserError } from '../base/errors.js';
import { EXIT } from '../base/exit-codes.js';
import type { Secret } from '../base/secret.js';
import { localSecrets } from '../inventory/local-secrets.js';
import type { Inventory, SecretRef } from '../inventory/model.js';
import { resolveSecret } from '../inventory/secrets.js';
import type { Ask } from '../transport/ask.js';
import type { Passwords } from '../transport/become.js';
import type { Io } from './options.js';

/**
 * Every `become.password`. Those of this machine are fetched now, each once, and a missing one is a mistake in the
 * input; the one that is typed is asked for once, and only when the first sudo asks.
 * @throws UserError
 */
export async function becomePasswords(inventory: Inventory, io: Io, ask: Ask | null): Promise<Passwords> {
  const warned = new Set<string>();
  const secrets = localSecrets({
    env: io.env,
    warn: (warning) => {
      if (warned.has(warning.summary)) return;
      warned.add(warning.summary);
      io.stderr.write(`warning: ${warning.summary}\n`);
    },
  });
  const fetched = new Map<string, Secret>();
  const refs = inventory.clusters
    .flatMap((cluster) => cluster.hosts)
    .flatMap(({ ssh }) => (ssh.user === 'root' || ssh.become.password === null ? [] : [ssh.become.password]));
  // One after the other: two commands may both want to ask something.
  for (const ref of refs) {
    if (ref.kind === 'prompt' || fetched.has(keyOf(ref))) continue;
    const secret = await resolveSecret(ref, secrets);
    if (!secret.ok) throw new UserError(EXIT.badInput, [secret.error]);
    fetched.set(keyOf(ref), secret.value);
  }
  let typed: Promise<Secret> | null = null;
  return {
    async of(ref) {
      if (ref.kind !== 'prompt') {
        const secret = fetched.get(keyOf(ref));
        if (secret === undefined) throw new Error('it was not fetched');
        return secret;
      }
      if (ask === null) throw new Error('it is to be typed, and there is no terminal');
      typed ??= ask.secret('Password for sudo (asked once for all hosts): ');
      return typed;
    },
  };
}

/** The same place of this machine holds the same password. */
function keyOf(ref: SecretRef): string {
  switch (ref.kind) {
    case 'literal':
      return `literal ${ref.value.reveal()}`;
    case 'env':
      return `env ${ref.name}`;
    case 'file':
      return `file ${ref.path}`;
    case 'command':
      return `command ${ref.command}`;
    case 'prompt':
      return 'prompt';
  }
}
