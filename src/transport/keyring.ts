import type { Host } from '../inventory/model.js';
import { failure } from './failures.js';
import {
  type AgentKey,
  defaultKeyFiles,
  type Identity,
  type KeyFile,
  obstacles,
  orderIdentities,
  readKeyFile,
  readNamedKeyFile,
} from './identities.js';
import type { LoginAttempt } from './login-refused.js';
import type { Wire } from './wire.js';

export interface KeyringDeps<Key> {
  readonly wire: Wire<Key>;
  readonly homeDir: string;
  readonly agentSocket: string | null;
  /** Files that were read already, by path: parsing one can take long, and hosts share them. */
  readonly keyFiles: Map<string, Promise<KeyFile<Key> | null>>;
}

interface AgentAnswer<Key> {
  readonly keys: readonly AgentKey<Key>[];
  readonly note: string | null;
}

/** The keys to try on one host, each once, however many connections that takes. */
export class Keyring<Key> {
  /** What the server says before a login; for the message about a refused one. */
  banner = '';
  readonly #files: readonly KeyFile<Key>[];
  readonly #onlyFiles: boolean;
  readonly #agent: Promise<AgentAnswer<Key>>;
  #agentAnswer: AgentAnswer<Key> = { keys: [], note: null };
  #left: Identity<Key>[] | null = null;
  readonly #tried: string[] = [];
  #methods: readonly string[] | null = null;
  #partial = false;

  private constructor(files: readonly KeyFile<Key>[], onlyFiles: boolean, agent: Promise<AgentAnswer<Key>>) {
    this.#files = files;
    this.#onlyFiles = onlyFiles;
    this.#agent = agent;
  }

  /** @throws TransportError when the key that the inventory names cannot be used */
  static async of<Key>(deps: KeyringDeps<Key>, host: Host): Promise<Keyring<Key>> {
    const agent = askAgent(deps);
    const named = host.ssh.identityFile;
    if (named === null) {
      const files = await Promise.all(defaultKeyFiles(deps.homeDir).map((path) => defaultFile(deps, path)));
      return new Keyring(
        files.filter((file) => file !== null),
        false,
        agent,
      );
    }
    const file = await readNamedKeyFile(host, named, deps.wire.parser);
    if (file.obstacle !== null) {
      const { keys } = await agent;
      const obstacle = obstacles([file], keys)[0];
      if (obstacle !== undefined) {
        throw failure('unreachable', host, {
          code: obstacle.code,
          summary: obstacle.text,
          hint: obstacle.hint,
        });
      }
    }
    return new Keyring([file], true, agent);
  }

  /** The label of the key that was given out last. */
  get current(): string | undefined {
    return this.#tried.at(-1);
  }

  get hasMore(): boolean {
    return this.#left !== null && this.#left.length > 0;
  }

  async next(methods: readonly string[] | null, partial: boolean): Promise<Identity<Key> | null> {
    this.#methods = methods ?? this.#methods;
    this.#partial = partial;
    // The agent answers while the connection is made; only here its keys are needed.
    this.#agentAnswer = await this.#agent;
    this.#left ??= orderIdentities(this.#files, this.#agentAnswer.keys, { onlyFiles: this.#onlyFiles });
    if (partial || (methods !== null && !methods.includes('publickey'))) return null;
    const identity = this.#left.shift() ?? null;
    if (identity !== null) this.#tried.push(identity.label);
    return identity;
  }

  /** What there is to say when the server takes none of them. */
  refusal(): LoginAttempt {
    const { keys, note } = this.#agentAnswer;
    return {
      tried: this.#tried,
      obstacles: obstacles(this.#files, keys),
      keyFile: this.#files[0]?.path ?? null,
      methods: this.#methods,
      partial: this.#partial,
      banner: this.banner,
      agentNote: note,
    };
  }
}

async function askAgent<Key>({ agentSocket, wire }: KeyringDeps<Key>): Promise<AgentAnswer<Key>> {
  if (agentSocket === null) return { keys: [], note: null };
  try {
    return { keys: await wire.agentKeys(agentSocket), note: null };
  } catch {
    return { keys: [], note: `The agent at ${agentSocket} (SSH_AUTH_SOCK) does not answer.` };
  }
}

/** A default file that cannot be read is passed over, as ssh does. */
function defaultFile<Key>(deps: KeyringDeps<Key>, path: string): Promise<KeyFile<Key> | null> {
  let file = deps.keyFiles.get(path);
  if (file === undefined) {
    file = readKeyFile(path, deps.wire.parser).catch(() => null);
    deps.keyFiles.set(path, file);
  }
  return file;
}
