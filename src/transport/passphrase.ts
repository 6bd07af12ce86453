import { type Ask, TRIES } from './ask.js';
import type { KeyFile } from './identities.js';

/** The key of a protected file; null: nobody knew the passphrase. `known`: those that were asked for before, by path. */
export function unlocked<Key>(
  known: Map<string, Promise<Key | null>>,
  ask: Ask,
  file: KeyFile<Key>,
): Promise<Key | null> {
  let key = known.get(file.path);
  if (key === undefined) {
    key = askPassphrase(ask, file);
    known.set(file.path, key);
  }
  return key;
}

async function askPassphrase<Key>(ask: Ask, file: KeyFile<Key>): Promise<Key | null> {
  if (file.unlock === null) return null;
  try {
    for (let tries = 1; tries <= TRIES; tries++) {
      const again = tries === 1 ? '' : 'That is not it. ';
      const key = file.unlock(await ask.secret(`${again}Passphrase of ${file.path}: `));
      if (!(key instanceof Error)) return key;
    }
  } catch {
    // Whoever was asked gave up.
  }
  return null;
}
