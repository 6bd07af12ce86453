import { Secret } from '../base/secret.js';
import { type Ask, TRIES } from './ask.js';
import { failure, printable } from './failures.js';
import {
  type AgentKey,
  defaultKeyFiles,
  type Identity,
  type KeyboardPrompts,
  type KeyFile,
  obstacles,
  orderIdentities,
  readKeyFile,
  readNamedKeyFile,
  type Usable,
} from './identities.js';
import type { LoginAttempt } from './login-refused.js';
import { unlocked } from './passphrase.js';
import type { Target } from './target.js';
import type { Wire } from './wire.js';

export interface KeyringDeps<Key> {
  readonly wire: Wire<Key>;
  readonly homeDir: string;
  /** Null: nobody is there to ask. */
  readonly ask: Ask | null;
  /** Files that were read already, by path: parsing one can take long, and hosts share them. */
  readonly keyFiles: Map<string, Promise<KeyFile<Key> | null>>;
  /** Files whose passphrase was asked for, by path: once for all hosts. */
  readonly unlocked: Map<string, Promise<Key | null>>;
}

interface AgentAnswer<Key> {
  readonly keys: readonly AgentKey<Key>[];
  readonly note: string | null;
}

/** The ways to prove who one is to one host, each once, however many connections that takes. */
export class Keyring<Key> {
  /** What the server says before a login; for the message about a refused one. */
  banner = '';
  /** Its key is not the one that is known: nothing that is typed may reach whoever answers in its place. */
  isHostDoubtful = false;
  readonly #deps: KeyringDeps<Key>;
  readonly #target: Target;
  readonly #files: readonly KeyFile<Key>[];
  readonly #agent: Promise<AgentAnswer<Key>>;
  #agentAnswer: AgentAnswer<Key> = { keys: [], note: null };
  #left: Identity<Key>[] | null = null;
  readonly #tried: string[] = [];
  #current: string | undefined;
  #methods: readonly string[] | null = null;
  #partial = false;
  #asked = 0;
  #gaveUp = false;

  private constructor(
    deps: KeyringDeps<Key>,
    target: Target,
    files: readonly KeyFile<Key>[],
    agent: Promise<AgentAnswer<Key>>,
  ) {
    this.#deps = deps;
    this.#target = target;
    this.#files = files;
    this.#agent = agent;
  }

  /** @throws TransportError when the key that the inventory names cannot be used */
  static async of<Key>(deps: KeyringDeps<Key>, target: Target): Promise<Keyring<Key>> {
    const { named, files, agentSocket } = target.keys;
    const agent = askAgent(deps, agentSocket);
    if (named === null) {
      const paths = files ?? defaultKeyFiles(deps.homeDir);
      const read = await Promise.all(paths.map((path) => sharedFile(deps, path)));
      const found = read.filter((file) => file !== null);
      return new Keyring(deps, target, found, agent);
    }
    const file = await readNamedKeyFile(target.host, named, deps.wire.parser);
    if (file.obstacle !== null && !(file.unlock !== null && deps.ask !== null)) {
      const { keys } = await agent;
      const obstacle = obstacles([file], keys)[0];
      if (obstacle !== undefined) {
        throw failure('unreachable', target.host, {
          code: obstacle.code,
          summary: obstacle.text,
          hint: obstacle.hint,
        });
      }
    }
    return new Keyring(deps, target, [file], agent);
  }

  /** The label of what was given out last. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Whether another connection could get any further than the last one. */
  get hasMore(): boolean {
    return (this.#left !== null && this.#left.length > 0) || this.#mayAsk() !== null;
  }

  /** Whether somebody typed a password or an answer: another connection would ask again. */
  get isTyped(): boolean {
    return this.#asked > 0;
  }

  async next(methods: readonly string[] | null, partial: boolean): Promise<Usable<Key> | null> {
    this.#methods = methods ?? this.#methods;
    if (partial && !this.#partial) this.#asked = 0;
    // A second proof that is wrong does not take the first one back.
    this.#partial ||= partial;
    // The agent answers while the connection is made; only here its keys are needed.
    this.#agentAnswer = await this.#agent;
    const agent = { socket: this.#target.keys.agentSocket ?? '', keys: this.#agentAnswer.keys };
    const { ask } = this.#deps;
    this.#left ??= orderIdentities(this.#files, agent, {
      onlyFiles: this.#target.keys.only,
      unlock: ask === null ? null : (file) => unlocked(this.#deps.unlocked, ask, file),
    });
    const identity = (await this.#nextKey()) ?? (await this.#nextAnswer());
    if (identity !== null) this.#current = identity.label;
    return identity;
  }

  async #nextKey(): Promise<Usable<Key> | undefined> {
    if (this.#methods !== null && !this.#methods.includes('publickey')) return undefined;
    const identity = this.#left?.shift();
    if (identity === undefined) return undefined;
    const usable = identity.via === 'sealed' ? await opened(identity) : identity;
    if (usable === null) return this.#nextKey();
    this.#tried.push(usable.label);
    return usable;
  }

  async #nextAnswer(): Promise<Usable<Key> | null> {
    const { ask } = this.#deps;
    if (ask === null) return null;
    // Without any key the server has not said yet what it takes.
    if (this.#methods === null) return { via: 'none', label: 'none' };
    const way = this.#mayAsk();
    if (way === null) return null;
    this.#asked++;
    const { user, name } = this.#target;
    try {
      if (way === 'password') {
        const password = await ask.secret(`Password of ${user} on ${name}: `);
        return { via: 'password', password, label: 'a password' };
      }
    } catch {
      this.#gaveUp = true;
      return null;
    }
    return { via: 'keyboard', label: 'typed answers', answer: (prompts) => this.#answer(ask, prompts) };
  }

  #mayAsk(): 'keyboard' | 'password' | null {
    const methods = this.#methods ?? [];
    if (this.#deps.ask === null || this.isHostDoubtful || this.#gaveUp || this.#asked >= TRIES) return null;
    if (methods.includes('keyboard-interactive') && this.#target.ask.keyboard) return 'keyboard';
    return methods.includes('password') && this.#target.ask.password ? 'password' : null;
  }

  /** What the server asks reaches the terminal without its control characters. */
  async #answer(ask: Ask, asked: KeyboardPrompts): Promise<readonly Secret[]> {
    const { user, name } = this.#target;
    const said = [asked.name, asked.instructions].map(printable).filter((text) => text !== '');
    const answers: Secret[] = [];
    for (const { text, echo } of asked.prompts) {
      const intro = answers.length === 0 ? said.map((line) => `${line}\n`).join('') : '';
      const question = `${intro}(${user} on ${name}) ${printable(text)} `;
      try {
        answers.push(echo ? new Secret(await ask.text(question)) : await ask.secret(question));
      } catch (error) {
        this.#gaveUp = true;
        throw error;
      }
    }
    return answers;
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
      asking: this.isHostDoubtful ? 'host-in-doubt' : this.#deps.ask === null ? 'nobody' : 'possible',
    };
  }
}

async function opened<Key>({
  unlock,
  label,
}: Extract<Identity<Key>, { readonly via: 'sealed' }>): Promise<Usable<Key> | null> {
  const key = await unlock();
  return key === null ? null : { via: 'file', key, label };
}

async function askAgent<Key>(
  { wire }: KeyringDeps<Key>,
  agentSocket: string | null,
): Promise<AgentAnswer<Key>> {
  if (agentSocket === null) return { keys: [], note: null };
  try {
    return { keys: await wire.agentKeys(agentSocket), note: null };
  } catch {
    return { keys: [], note: `The agent at ${agentSocket} (SSH_AUTH_SOCK) does not answer.` };
  }
}

/** A file that cannot be read is passed over, as ssh does. */
function sharedFile<Key>(deps: KeyringDeps<Key>, path: string): Promise<KeyFile<Key> | null> {
  let file = deps.keyFiles.get(path);
  if (file === undefined) {
    file = readKeyFile(path, deps.wire.parser).catch(() => null);
    deps.keyFiles.set(path, file);
  }
  return file;
}
