import { userInfo } from 'node:os';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel, type ParsedKey } from 'ssh2';
import type { Ask } from './ask.js';
import { NO_PASSWORDS, type Passwords } from './become.js';
import { ConfigLookup } from './config-lookup.js';
import { connectHost } from './connect.js';
import { JumpPool } from './jump-pool.js';
import { KnownHostsFiles } from './known-hosts-files.js';
import type { Link } from './link.js';
import type { RemoteProcess } from './run-script.js';
import { agentKeys } from './ssh2-auth.js';
import { login } from './ssh2-login.js';
import type { Trace } from './trace.js';
import type { Transport } from './types.js';
import { ChannelRefused, type Connection, ExecRefused, type Wire } from './wire.js';

/** RFC 4254: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED. */
const FORBIDDEN = 1;
const AUTHENTICATION_MS = 30_000;
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
  /** How long the server may think about a login. Default: 30 s, in which sshd can look up names. */
  readonly authenticationMs?: number;
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
    authenticationMs: options.authenticationMs ?? AUTHENTICATION_MS,
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
  login: (options) => login(options, connectionOf),
};

/** What can be done over a client that is logged in. */
function connectionOf(client: Client, { address, stream }: Link, lossReason: () => string): Connection {
  return {
    address,
    get lossReason() {
      return lossReason();
    },
    exec: (command) => exec(client, command),
    forward: (hostname, port) => forward(client, hostname, port),
    close: () => close(client, stream),
  };
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
      // ssh2's own words for the answer to the request; whatever else there is comes of the connection.
      if (error.message === 'Unable to exec') return reject(new ExecRefused(error.message));
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
