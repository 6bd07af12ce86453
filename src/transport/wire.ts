import type { Duplex } from 'node:stream';
import type { AgentKey, KeyParser, Usable } from './identities.js';
import type { Link } from './link.js';
import type { RemoteProcess } from './run-script.js';

/** What the rest of the transport needs of an SSH library; `ssh2-transport.ts` has the only one. */
export interface Wire<Key> {
  readonly parser: KeyParser<Key>;
  /** @throws when the agent does not answer */
  agentKeys(socketPath: string): Promise<AgentKey<Key>[]>;
  /** @throws LoginFailed */
  login(options: LoginOptions<Key>): Promise<Connection>;
}

export interface LoginOptions<Key> {
  /** The connection owns it from now on. */
  readonly link: Link;
  readonly user: string;
  /** Host key algorithms to offer, best first. */
  readonly algorithms: readonly string[];
  readonly handshakeMs: number;
  /** Time that a person takes to answer does not count. */
  readonly authenticationMs: number;
  readonly keepalive: { readonly intervalMs: number; readonly count: number };
  readonly signal: AbortSignal | undefined;
  /** Answers at once whether the host's key will do; asked again at each change of keys. */
  acceptHostKey(key: Buffer): boolean;
  /** The server has proven that it holds the key that was accepted. */
  onHandshake(): void;
  /** The next key to offer, null when there is none. `methods`: what the server would take, null before it said. */
  nextIdentity(methods: readonly string[] | null, partial: boolean): Promise<Usable<Key> | null>;
  onBanner(text: string): void;
}

export interface Connection {
  /** The server's address, as it was reached. */
  readonly address: string;
  /** Why the connection ended; empty while it stands or when it was closed from here. */
  readonly lossReason: string;
  /** @throws ChannelRefused, ExecRefused, or another Error when the connection is gone: nothing was run then */
  exec(command: string): Promise<RemoteProcess>;
  /** A way on from there, as for a jump. @throws ChannelRefused, or another Error when the connection is gone */
  forward(hostname: string, port: number): Promise<Duplex>;
  /** Promptly, and without keeping the program alive. */
  close(): void;
}

/** The server did not open another channel (MaxSessions, no forwarding, nobody there). */
export class ChannelRefused extends Error {
  constructor(
    message: string,
    /** It is not allowed, whatever the reason. */
    readonly forbidden: boolean,
  ) {
    super(message.replace(/^\(SSH\) Channel open failure: /, ''));
  }
}

/** The server opened a channel, but runs no command in it. */
export class ExecRefused extends Error {}

export type LoginProblem =
  /** `words` is what the server said before that, if anything. */
  | { readonly kind: 'socket'; readonly error: unknown; readonly words: string }
  /** The server closed the connection. */
  | { readonly kind: 'closed'; readonly stage: LoginStage; readonly words: string }
  | { readonly kind: 'handshake'; readonly message: string; readonly offered: string | null }
  /** The server ended the login with these words. */
  | { readonly kind: 'dismissed'; readonly message: string }
  | { readonly kind: 'refused' }
  /** More keys than the server takes in one connection (MaxAuthTries). */
  | { readonly kind: 'too-many-keys' }
  | { readonly kind: 'timeout'; readonly stage: LoginStage }
  | { readonly kind: 'aborted' };

export type LoginStage = 'handshake' | 'authentication';

export class LoginFailed extends Error {
  constructor(readonly problem: LoginProblem) {
    super(problem.kind);
  }
}
