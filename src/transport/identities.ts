import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../base/secret.js';
import { quote } from '../base/shell.js';
import type { Host } from '../inventory/model.js';
import { errorCode, errorText, failure } from './failures.js';
import { fingerprint, keyType, publicKeyOfLine, publicPartOf } from './key-blob.js';

/** What `ssh` tries by default, as far as these types are supported; the type that is made today first. */
const DEFAULT_FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** A private key file. `key` is null where the file alone does not do; `obstacle` says why. */
export interface KeyFile<Key> {
  readonly path: string;
  readonly key: Key | null;
  /** The public key, where it could be found out. */
  readonly blob: Buffer | null;
  readonly obstacle: { readonly code: string; readonly text: string; readonly hint: string } | null;
  /** The certificate that stands beside it in FILE-cert.pub, for the agent's use. */
  readonly certificate: Buffer | null;
  /** For a file that is protected by a passphrase. */
  readonly unlock: ((passphrase: Secret) => Key | Error) | null;
}

export interface AgentKey<Key> {
  readonly key: Key;
  readonly blob: Buffer;
  readonly comment: string;
}

/** One way to prove who one is. `label` is for people: the file, or the agent's comment and the fingerprint; never the key. */
export type Identity<Key> = { readonly label: string } & (
  | { readonly via: 'agent'; readonly key: Key; readonly socket: string }
  | { readonly via: 'file'; readonly key: Key }
  /** A file with a passphrase, which is asked for when the server wants a signature. Null: nobody knew it. */
  | { readonly via: 'locked'; readonly blob: Buffer; readonly unlock: () => Promise<Key | null> }
  /** The same where the file alone does not tell its public key: asked for before the key can be offered. */
  | { readonly via: 'sealed'; readonly unlock: () => Promise<Key | null> }
  | { readonly via: 'password'; readonly password: Secret }
  | { readonly via: 'keyboard'; readonly answer: (prompts: KeyboardPrompts) => Promise<readonly Secret[]> }
  /** Asks the server what it would take. */
  | { readonly via: 'none' }
);

/** A way that can be offered as it is. */
export type Usable<Key> = Exclude<Identity<Key>, { readonly via: 'sealed' }>;

/** What a server asks in keyboard-interactive authentication, as it sent it. */
export interface KeyboardPrompts {
  readonly name: string;
  readonly instructions: string;
  readonly prompts: readonly { readonly text: string; readonly echo: boolean }[];
}

export interface KeyParser<Key> {
  /** @returns an Error for what is no private key that can be used; its text says `passphrase` for an encrypted one */
  parse(text: string, passphrase?: Secret): Key | Error;
  publicBlob(key: Key): Buffer;
}

export function defaultKeyFiles(homeDir: string): string[] {
  return DEFAULT_FILES.map((name) => join(homeDir, '.ssh', name));
}

/** Null when there is no such file. @throws the system's error when it cannot be read */
export async function readKeyFile<Key>(path: string, parser: KeyParser<Key>): Promise<KeyFile<Key> | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  const alone = publicKeyOfLine(text);
  const blob = alone ?? publicPartOf(text) ?? (await publicFileOf(path));
  const certificate = await publicFileOf(`${path}-cert`);
  const stop = (code: string, problem: string, hint: string): KeyFile<Key> => ({
    path,
    key: null,
    blob,
    obstacle: { code, text: problem, hint },
    certificate,
    unlock: null,
  });
  if (alone !== null) {
    return stop(
      'key-public',
      `${path} is a public key, and the agent does not hold its private key`,
      `add the private key to the agent: \`ssh-add ${quote(path.replace(/\.pub$/, ''))}\``,
    );
  }
  if (await readableByOthers(path)) {
    return stop(
      'key-open',
      `${path} can be read by others; ssh ignores such a key, and so does lbctl`,
      `\`chmod 600 ${quote(path)}\``,
    );
  }
  if (blob !== null && keyType(blob).startsWith('sk-')) {
    return stop(
      'key-fido',
      `${path} is a FIDO key, which can be used through the agent only, and the agent does not hold it`,
      `add it to the agent: \`ssh-add ${quote(path)}\``,
    );
  }
  const key = parser.parse(text);
  if (!(key instanceof Error))
    return { path, key, blob: parser.publicBlob(key), obstacle: null, certificate, unlock: null };
  if (/passphrase/i.test(key.message)) {
    const locked = stop(
      'key-encrypted',
      `${path} is protected by a passphrase, and the agent does not hold it`,
      `add it to the agent: \`ssh-add ${quote(path)}\``,
    );
    return { ...locked, unlock: (passphrase) => parser.parse(text, passphrase) };
  }
  return stop(
    'key-unsupported',
    `${path} cannot be used: ${key.message}`,
    `add it to the agent (\`ssh-add ${quote(path)}\`), or convert it: \`ssh-keygen -p -f ${quote(path)}\``,
  );
}

/** The file that the inventory names. @throws TransportError when it is not there */
export async function readNamedKeyFile<Key>(
  host: Host,
  path: string,
  parser: KeyParser<Key>,
): Promise<KeyFile<Key>> {
  const fail = (reason: string) => {
    const error = failure('unreachable', host, {
      code: 'identity-file',
      summary: `the identity_file of ${host.name}, ${path}, ${reason}`,
      hint: `correct \`ssh.identity_file\`, or make the key: \`ssh-keygen -t ed25519 -f ${quote(path)}\``,
    });
    return error;
  };
  let file: KeyFile<Key> | null;
  try {
    file = await readKeyFile(path, parser);
  } catch (error) {
    throw fail(`cannot be read: ${errorText(error)}`);
  }
  if (file === null) throw fail('does not exist');
  return file;
}

/**
 * In ssh's order: files whose key (or certificate) the agent holds, the agent's other keys (not with `onlyFiles`,
 * which is IdentitiesOnly), files on their own. `unlock` asks for a file's passphrase; null: nobody can be asked.
 */
export function orderIdentities<Key>(
  files: readonly KeyFile<Key>[],
  agent: { readonly socket: string; readonly keys: readonly AgentKey<Key>[] },
  options: {
    readonly onlyFiles: boolean;
    readonly unlock: ((file: KeyFile<Key>) => Promise<Key | null>) | null;
  },
): Identity<Key>[] {
  const { onlyFiles, unlock } = options;
  const held = (file: KeyFile<Key>) =>
    agent.keys.filter(({ blob }) => file.certificate?.equals(blob) || file.blob?.equals(blob));
  const fromAgent = (agentKey: AgentKey<Key>): Identity<Key> => ({
    via: 'agent',
    key: agentKey.key,
    socket: agent.socket,
    label: `${agentKey.comment || 'a key'} (${fingerprint(agentKey.blob)}) of the agent`,
  });
  const named = [...new Set(files.flatMap(held))];
  const others = onlyFiles ? [] : agent.keys.filter((agentKey) => !named.includes(agentKey));
  const alone = files.flatMap((file): Identity<Key>[] => {
    const { path: label, blob, key } = file;
    if (agent.keys.some((it) => blob?.equals(it.blob))) return [];
    if (key !== null) return [{ via: 'file', key, label }];
    if (file.unlock === null || unlock === null) return [];
    const open = () => unlock(file);
    return [
      blob === null ? { via: 'sealed', unlock: open, label } : { via: 'locked', blob, unlock: open, label },
    ];
  });
  return [...named.map(fromAgent), ...others.map(fromAgent), ...alone];
}

/** What could not be tried: `obstacle`s of files that the agent does not hold either, and certificates beside files. */
export function obstacles<Key>(files: readonly KeyFile<Key>[], agentKeys: readonly AgentKey<Key>[]) {
  return files.flatMap(({ path, blob, certificate, obstacle }) => {
    const isHeld = (wanted: Buffer) => agentKeys.some((it) => wanted.equals(it.blob));
    const own = obstacle === null || (blob !== null && isHeld(blob)) ? [] : [obstacle];
    if (certificate === null || isHeld(certificate)) return own;
    const unused = {
      code: 'key-certificate',
      text: `The certificate ${path}-cert.pub was not offered: certificates can be used through the agent only`,
      hint: `add the key with its certificate to the agent: \`ssh-add ${quote(path)}\``,
    };
    return [...own, unused];
  });
}

async function publicFileOf(path: string): Promise<Buffer | null> {
  return readFile(`${path}.pub`, 'utf8').then(publicKeyOfLine, () => null);
}

/** As ssh has it: only the owner's own files are looked at this closely. */
async function readableByOthers(path: string): Promise<boolean> {
  const { mode, uid } = await stat(path);
  return uid === process.getuid?.() && (mode & 0o077) !== 0;
}
