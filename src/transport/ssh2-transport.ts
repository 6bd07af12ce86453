import { userInfo } from 'node:os';
import ssh2, {
  type AnyAuthMethod,
  type Client,
  type ClientChannel,
  type ParsedKey,
  type ServerHostKeyAlgorithm,
} from 'ssh2';
import { connectHost } from './connect.js';
import type { AgentKey, Identity } from './identities.js';
import { KnownHostsFiles } from './known-hosts-files.js';
import type { RemoteProcess } from './run-script.js';
import { isSigningError, problemOf } from './ssh2-errors.js';
import type { Trace } from './trace.js';
import type { Transport } from './types.js';
import {
  ChannelRefused,
  type Connection,
  LoginFailed,
  type LoginOptions,
  type LoginProblem,
  type Wire,
} from './wire.js';

/** 10 s of silence, three times over, end a connection. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_COUNT = 3;
/** ssh2's types lack the `false` that its documentation asks for. */
const NO_MORE_KEYS = false as unknown as AnyAuthMethod;
const AGENT_MS = 3_000;
/** How long the goodbye to the server may take before the socket is simply destroyed. */
const CLOSE_MS = 300;

export interface SshTransportOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  readonly trace?: Trace;
  /** Default: /etc/ssh/ssh_known_hosts and its second. */
  readonly globalKnownHostsFiles?: readonly string[];
}

/** SSH by ssh2; no other file knows that library. Load this one only when a host is to be reached. */
export function createSshTransport(options: SshTransportOptions): Transport {
  const deps = {
    wire,
    homeDir: options.homeDir,
    localUser: localUser(options.env),
    agentSocket: options.env.SSH_AUTH_SOCK || null,
    knownHosts: new KnownHostsFiles({ homeDir: options.homeDir, globalFiles: options.globalKnownHostsFiles }),
    keyFiles: new Map(),
    trace: options.trace ?? (() => undefined),
  };
  return { connect: (host, signal) => connectHost(deps, host, signal) };
}

/** As ssh does it: by the user id; $USER only where that has no name. */
function localUser(env: SshTransportOptions['env']): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER || env.LOGNAME || 'root';
  }
}

const wire: Wire<ParsedKey> = {
  parser: {
    parse: (text) => {
      const key = ssh2.utils.parseKey(text);
      return key instanceof Error || key.isPrivateKey() ? key : new Error('it holds no private key');
    },
    publicBlob: (key) => key.getPublicSSH(),
  },
  agentKeys,
  login,
};

function agentKeys(socketPath: string): Promise<AgentKey<ParsedKey>[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), AGENT_MS);
    new ssh2.OpenSSHAgent(socketPath).getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) return reject(error);
      const parsed = (keys ?? []).flatMap((key) => ('getPublicSSH' in key ? key : []));
      resolve(parsed.map((key) => ({ key, blob: key.getPublicSSH(), comment: key.comment })));
    });
  });
}

/** An agent that offers one key only: which keys are tried, and in which order, is decided elsewhere. */
class OneKeyAgent extends ssh2.OpenSSHAgent {
  readonly #key: ParsedKey;

  constructor(socketPath: string, key: ParsedKey) {
    super(socketPath);
    this.#key = key;
  }

  override getIdentities(callback: (error: null, keys: ParsedKey[]) => void): void {
    callback(null, [this.#key]);
  }
}

function authMethod(user: string, agentSocket: string | null, identity: Identity<ParsedKey>) {
  if (identity.via === 'agent' && agentSocket !== null) {
    return { type: 'agent', username: user, agent: new OneKeyAgent(agentSocket, identity.key) } as const;
  }
  return { type: 'publickey', username: user, key: identity.key } as const;
}

function login(options: LoginOptions<ParsedKey>): Promise<Connection> {
  const { socket, signal } = options;
  const client = new ssh2.Client();
  const address = socket.remoteAddress ?? '';
  let stage: 'handshake' | 'authentication' | 'ready' = 'handshake';
  let words = '';
  let lossReason = '';
  let methods: string[] | null = null;
  const offers = new Map<string, string>();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (problem: LoginProblem) => {
      stop();
      reject(new LoginFailed(problem));
      socket.destroy();
    };
    const onTimeout = () => stage !== 'ready' && fail({ kind: 'timeout', stage });
    const onAbort = () => fail({ kind: 'aborted' });
    let timer = setTimeout(onTimeout, options.handshakeMs);
    signal?.addEventListener('abort', onAbort);

    // This listener stays for the connection's life: an error event that nobody listens to ends the program.
    client.on('error', (error) => {
      if (isSigningError(error)) return;
      if (stage !== 'ready') return fail(problemOf(error, stage, words, offers));
      lossReason ||= error.message;
      socket.destroy();
    });
    client.on('close', () => {
      if (stage === 'ready') lossReason ||= 'the server closed the connection';
      else fail({ kind: 'closed', stage, words });
    });
    client.on('banner', options.onBanner);
    client.once('handshake', () => {
      stage = 'authentication';
      clearTimeout(timer);
      timer = setTimeout(onTimeout, options.authenticationMs);
      options.onHandshake();
    });
    client.once('ready', () => {
      stage = 'ready';
      stop();
      resolve({
        address,
        get lossReason() {
          return lossReason;
        },
        exec: (command) => exec(client, command),
        close: () => close(client, socket),
      });
    });
    client.connect({
      sock: socket,
      username: options.user,
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVE_COUNT,
      hostVerifier: (key: Buffer) => options.acceptHostKey(key),
      algorithms: { serverHostKey: [...options.algorithms] as ServerHostKeyAlgorithm[] },
      // A function skips the attempt without any key ("none") that ssh2 begins with otherwise.
      authHandler: (_methods, partial, next) => {
        options.nextIdentity(methods, partial === true).then(
          (identity) =>
            next(identity === null ? NO_MORE_KEYS : authMethod(options.user, options.agentSocket, identity)),
          () => next(NO_MORE_KEYS),
        );
      },
      // The only place where ssh2 tells what the server offered, and which ways to log in it names.
      debug: (text) => {
        if (stage === 'ready') return;
        const offer = /^Handshake: \(remote\) ([^:]+): (.*)$/.exec(text);
        if (offer?.[1] !== undefined) offers.set(offer[1].toLowerCase(), offer[2] ?? '');
        const failed = /USERAUTH_FAILURE \((.*)\)$/.exec(text);
        if (failed?.[1] !== undefined) methods = failed[1].split(',').filter((method) => method !== '');
      },
    });
    // Whoever refuses us before the handshake says why in plain text ("Not allowed at this time").
    socket.once('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8').trim();
      if (!text.startsWith('SSH-')) words = text.slice(0, 500);
    });
  });
}

function close(client: Client, socket: LoginOptions<ParsedKey>['socket']): void {
  client.end();
  // ssh2's keepalive timer lives as long as the socket, and would keep the program alive.
  socket.destroySoon();
  setTimeout(() => socket.destroy(), CLOSE_MS).unref();
}

function exec(client: Client, command: string): Promise<RemoteProcess> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error: (Error & { reason?: unknown }) | undefined, channel) => {
      if (error === undefined) return resolve(remoteProcess(channel));
      reject(error.reason === undefined ? error : new ChannelRefused(error.message));
    });
  });
}

/** Listens at once: one packet can bring the answer to `exec`, the exit status and the end. */
function remoteProcess(channel: ClientChannel): RemoteProcess {
  let exitCode: number | null = null;
  let signalName: string | null = null;
  channel.on('exit', (code: number | null, signal?: string) => {
    exitCode = code;
    signalName = signal ?? null;
  });
  channel.on('error', () => undefined);
  const closed = Promise.all([
    new Promise<void>((resolve) => channel.once('close', () => resolve())),
    new Promise<void>((resolve) => channel.stderr.once('close', () => resolve())),
  ]);
  return {
    write: (data) => channel.write(data),
    onStdout: (listener) => channel.on('data', listener),
    onStderr: (listener) => channel.stderr.on('data', listener),
    onClose: (listener) => closed.then(() => listener(exitCode, signalName)),
    close: () => channel.close(),
  };
}
