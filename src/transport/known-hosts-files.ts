import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './failures.js';
import { keyType } from './key-blob.js';
import { hashedName, type KnownHostsEntry, parseKnownHosts } from './known-hosts.js';
import { defaultKnownHosts } from './target.js';

const GLOBAL_FILES = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

/** Null: the usual files. */
export interface KnownHostsChoice {
  readonly user: readonly string[] | null;
  readonly global: readonly string[] | null;
}

/** Reads the known_hosts files, each once, and adds to them. */
export class KnownHostsFiles {
  readonly #homeDir: string;
  readonly #globalFiles: readonly string[];
  readonly #read = new Map<string, Promise<readonly KnownHostsEntry[]>>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { readonly homeDir: string; readonly globalFiles?: readonly string[] | undefined }) {
    this.#homeDir = options.homeDir;
    this.#globalFiles = options.globalFiles ?? GLOBAL_FILES;
  }

  /** The file that new keys go to; null where they are not kept. */
  userFile({ user }: KnownHostsChoice): string | null {
    return (user ?? defaultKnownHosts(this.#homeDir))[0] ?? null;
  }

  /** @throws the system's error when a file is there but cannot be read */
  async entries({ user, global }: KnownHostsChoice): Promise<KnownHostsEntry[]> {
    const files = [...(user ?? defaultKnownHosts(this.#homeDir)), ...(global ?? this.#globalFiles)];
    return (await Promise.all(files.map((file) => this.#entriesOf(file)))).flat();
  }

  /**
   * Adds a key. One appending write of a whole line: another program's lines are never lost, and a link stays
   * a link, as would not be so with a new file in the old one's place.
   */
  add(file: string, name: string, key: Buffer, options: { readonly hash: boolean }): Promise<void> {
    const write = async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const shown = options.hash ? hashedName(name) : name;
      const line = `${shown} ${keyType(key)} ${key.toString('base64')}\n`;
      await appendFile(file, (await endsInLineBreak(file)) ? line : `\n${line}`, { mode: 0o600 });
      this.#read.delete(file);
    };
    const written = this.#writing.then(write);
    // The caller is told of an error; the next one who writes only waits for the end.
    this.#writing = written.catch(() => undefined);
    return written;
  }

  #entriesOf(file: string): Promise<readonly KnownHostsEntry[]> {
    let entries = this.#read.get(file);
    if (entries === undefined) {
      entries = readIfThere(file).then((text) => parseKnownHosts(text, file));
      this.#read.set(file, entries);
    }
    return entries;
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return '';
    throw error;
  }
}

/** True for a file that is empty or not there, too. */
async function endsInLineBreak(file: string): Promise<boolean> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size === 0) return true;
    const last = Buffer.alloc(1);
    await handle.read(last, 0, 1, size - 1);
    return last.toString() === '\n';
  } finally {
    await handle.close();
  }
}
