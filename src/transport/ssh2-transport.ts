import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import type { Duplex } from 'node:stream';
import ssh2, {
  type AnyAuthMethod,
  type Client,
  type ClientChannel,
  type ParsedKey,
  type ServerHostKeyAlgorithm,
} from 'ssh2';
import type { Ask } from './ask.js';
import { NO_PASSWORDS, type Passwords } from './become.js';
import { ConfigLookup } from './config-lookup.js';
import { connectHost } from './connect.js';
import { JumpPool } from './jump-pool.js';
import { KnownHostsFiles } from './known-hosts-files.js';
import type { RemoteProcess } from './run-script.js';
import { agentKeys, authMethod } from './ssh2-auth.js';
import { isSigningError, problemOf } from './ssh2-errors.js';
import { adaptAuthentication } from './ssh2-keys.js';
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

/** ssh2's types lack the `false` that its documentation asks for. */
const NO_MORE_KEYS = false as unknown as AnyAuthMethod;
/** RFC 4254: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED. */
const FORBIDDEN = 1;
/** How long the goodbye to the server may take before the socket is simply destroyed. */
const CLOSE_MS = 300;

export interface SshTransportOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  readonly trace?: Trace;
  /** Default: /etc/ssh/ssh_known_hosts and its second. */
  readonly globalKnownHostsFiles?: readonly string[];
  /** Default: ~/.ssh/config and /etc/ssh/ssh_config. */
  readonly configFiles?: readonly string[];
  /** Another program than `ssh` to read them with; null: none. */
  readonly configProgram?: string | null;
  /** Default: nobody is there to ask. */
  readonly ask?: Ask | null;
  /** What sudo asks for; default: none is known. */
  readonly passwords?: Passwords;
}

/** SSH by ssh2; no other file than ssh2-*.ts knows that library. Load this one only when a host is to be reached. */
export function createSshTransport(options: SshTransportOptions): Transport {
  const { env, homeDir } = options;
  const deps = {
    wire,
    homeDir,
    env,
    localUser: localUser(env),
    ask: options.ask ?? null,
    passwords: options.passwords ?? NO_PASSWORDS,
    config: new ConfigLookup({ homeDir, files: options.configFiles, program: options.configProgram }),
    knownHosts: new KnownHostsFiles({ homeDir, globalFiles: options.globalKnownHostsFiles }),
    jumps: new JumpPool(),
    keyFiles: new Map(),
    unlocked: new Map(),
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
    parse: (text, passphrase) => {
      const key = ssh2.utils.parseKey(text, passphrase?.reveal());
      return key instanceof Error || key.isPrivateKey() ? key : new Error('it holds no private key');
    },
    publicBlob: (key) => key.getPublicSSH(),
  },
  agentKeys,
  login,
};

function login(options: LoginOptions<ParsedKey>): Promise<Connection> {
  const { link, signal } = options;
  const { address, stream } = link;
  const client = new ssh2.Client();
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
      stream.destroy();
    };
    const onTimeout = () => stage !== 'ready' && fail({ kind: 'timeout', stage });
    const onAbort = () => fail({ kind: 'aborted' });
    let timer = setTimeout(onTimeout, options.handshakeMs);
    // The time of whoever is asked something does not count.
    const untimed = <T>(work: Promise<T>): Promise<T> => {
      clearTimeout(timer);
      return work.finally(() => {
        if (stage !== 'authentication') return;
        clearTimeout(timer);
        timer = setTimeout(onTimeout, options.authenticationMs);
      });
    };
    signal?.addEventListener('abort', onAbort);

    // This listener stays for the connection's life: an error event that nobody listens to ends the program.
    client.on('error', (error) => {
      if (isSigningError(error)) return;
      if (stage !== 'ready') return fail(problemOf(error, stage, words, offers));
      lossReason ||= error.message;
      stream.destroy();
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
        forward: (hostname, port) => forward(client, hostname, port),
        close: () => close(client, stream),
      });
    });
    client.connect({
      // Any Duplex will do.
      sock: stream as Socket,
      username: options.user,
      readyTimeout: 0,
      keepaliveInterval: options.keepalive.intervalMs,
      keepaliveCountMax: options.keepalive.count,
      hostVerifier: (key: Buffer) => options.acceptHostKey(key),
      algorithms: { serverHostKey: [...options.algorithms] as ServerHostKeyAlgorithm[] },
      // A function skips the attempt without any key ("none") that ssh2 begins with otherwise.
      authHandler: (_methods, partial, next) => {
        untimed(options.nextIdentity(methods, partial === true)).then(
          (identity) => next(identity === null ? NO_MORE_KEYS : authMethod(options.user, identity, untimed)),
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
    adaptAuthentication(client);
    // Whoever refuses us before the handshake says why in plain text ("Not allowed at this time").
    stream.once('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8').trim();
      if (!text.startsWith('SSH-')) words = text.slice(0, 500);
    });
  });
}

function close(client: Client, stream: Duplex): void {
  client.end();
  // ssh2's keepalive timer lives as long as the stream, and would keep the program alive.
  stream.end();
  setTimeout(() => stream.destroy(), CLOSE_MS).unref();
}

function forward(client: Client, hostname: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut(
      '127.0.0.1',
      0,
      hostname,
      port,
      (error: (Error & { reason?: unknown }) | undefined, channel) => {
        if (error === undefined) return resolve(channel);
        reject(
          error.reason === undefined ? error : new ChannelRefused(error.message, error.reason === FORBIDDEN),
        );
      },
    );
  });
}

function exec(client: Client, command: string): Promise<RemoteProcess> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error: (Error & { reason?: unknown }) | undefined, channel) => {
      if (error === undefined) return resolve(remoteProcess(channel));
      reject(
        error.reason === undefined ? error : new ChannelRefused(error.message, error.reason === FORBIDDEN),
      );
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
    // What came before anybody listened waits in the stream.
    onStdout: (listener) => channel.removeAllListeners('data').on('data', listener),
    onStderr: (listener) => channel.stderr.removeAllListeners('data').on('data', listener),
    onClose: (listener) => closed.then(() => listener(exitCode, signalName)),
    close: () => channel.close(),
  };
}
