import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../inventory/model.js';
import { AttemptFailed, dial } from './dial.js';
import { aborted, errorText, failure, hostDiagnostic } from './failures.js';
import { HostTrust, type Trust } from './host-trust.js';
import { fingerprint, keyType } from './key-blob.js';
import { Keyring, type KeyringDeps } from './keyring.js';
import type { KnownHostsFiles } from './known-hosts-files.js';
import { loginFailure } from './login-failure.js';
import { SshSession } from './session.js';
import { type Target, targetOf } from './target.js';
import type { Trace } from './trace.js';
import type { Session } from './types.js';
import { type Connection, LoginFailed, type Wire } from './wire.js';

export interface ConnectDeps<Key> extends KeyringDeps<Key> {
  readonly wire: Wire<Key>;
  readonly localUser: string;
  readonly knownHosts: KnownHostsFiles;
  readonly trace: Trace;
}

/** A refused or dropped connection (MaxStartups) is tried so often in all. */
const TRIES = 3;
/** So many connections in all when there are more keys than one takes (MaxAuthTries). */
const KEY_ROUNDS = 4;
/** sshd may look up names before it answers. */
const AUTHENTICATION_MS = 30_000;

/** @throws TransportError */
export async function connectHost<Key>(
  deps: ConnectDeps<Key>,
  host: Host,
  signal: AbortSignal | undefined,
): Promise<Session> {
  if (signal?.aborted) throw aborted(host);
  const target = targetOf(host, deps.localUser);
  const started = performance.now();
  const [trust, keyring] = await Promise.all([readTrust(deps.knownHosts, target), Keyring.of(deps, host)]);
  let deadline = started + target.connectTimeoutMs;
  let keyRounds = 1;
  for (let tries = 1; ; ) {
    try {
      return await attempt(deps, { target, trust, keyring, deadline, signal, started });
    } catch (error) {
      if (!(error instanceof AttemptFailed)) throw error;
      if (error.retry === 'at-once' && keyRounds++ < KEY_ROUNDS) {
        deadline = performance.now() + target.connectTimeoutMs;
        continue;
      }
      const delayMs = Math.round(150 * 2 ** tries * (0.5 + Math.random()));
      if (error.retry !== 'later' || tries++ >= TRIES || performance.now() + delayMs >= deadline)
        throw error.error;
      deps.trace({ type: 'retry', host: target.label, reason: error.message, delayMs });
      await pause(delayMs, host, signal);
    }
  }
}

async function pause(ms: number, host: Host, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw aborted(host);
  }
}

interface Attempt<Key> {
  readonly target: Target;
  readonly trust: HostTrust;
  readonly keyring: Keyring<Key>;
  /** Of `performance.now()`, for TCP and the handshake together. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  readonly started: number;
}

/** @throws AttemptFailed */
async function attempt<Key>(deps: ConnectDeps<Key>, options: Attempt<Key>): Promise<Session> {
  const { target, trust, keyring, deadline, signal } = options;
  const left = () => Math.max(1, deadline - performance.now());
  const socket = await dial(target, left(), signal);
  let hostKey: Buffer | null = null;
  let decision: Trust | null = null;
  let written: Promise<void> = Promise.resolve();
  let connection: Connection;
  try {
    connection = await deps.wire.login({
      socket,
      user: target.user,
      agentSocket: deps.agentSocket,
      algorithms: trust.algorithms,
      handshakeMs: left(),
      authenticationMs: AUTHENTICATION_MS,
      signal,
      acceptHostKey: (key) => {
        // The same key again when the session keys are renewed; never another one.
        if (hostKey !== null) return hostKey.equals(key);
        hostKey = Buffer.from(key);
        decision = trust.decide(hostKey);
        return decision.accept;
      },
      onHandshake: () => {
        if (decision?.accept && hostKey !== null) written = remember(deps, target, decision, hostKey);
      },
      nextIdentity: (methods, partial) => keyring.next(methods, partial),
      onBanner: (text) => {
        keyring.banner = text;
      },
    });
  } catch (error) {
    await written;
    if (!(error instanceof LoginFailed)) throw error;
    throw loginFailure(error.problem, {
      target,
      trust,
      decision,
      refusal: keyring.refusal(),
      keysLeft: keyring.hasMore,
    });
  }
  await written;
  report(deps.trace, options, { connection, hostKey, decision });
  return new SshSession(target, connection, deps.trace);
}

async function readTrust(files: KnownHostsFiles, target: Target): Promise<HostTrust> {
  const { host } = target;
  const configured = host.ssh.knownHostsFile;
  try {
    return new HostTrust(target, await files.entries(configured), files.userFile(configured));
  } catch (error) {
    throw failure('unreachable', host, {
      code: 'known-hosts-unreadable',
      summary: `the known host keys cannot be read: ${errorText(error)}`,
    });
  }
}

/** Adds a new key to known_hosts, and says what is odd about a key that was accepted all the same. */
async function remember<Key>(
  deps: ConnectDeps<Key>,
  target: Target,
  trust: Trust,
  key: Buffer,
): Promise<void> {
  if (!trust.accept) return;
  if (trust.warning !== undefined) deps.trace({ type: 'warning', diagnostic: trust.warning });
  if (!trust.add) return;
  const file = deps.knownHosts.userFile(target.host.ssh.knownHostsFile);
  try {
    await deps.knownHosts.add(file, target.keyName, keyType(key), key);
  } catch (error) {
    const summary = `the host key of ${target.host.name} could not be added to ${file}: ${errorText(error)}`;
    deps.trace({
      type: 'warning',
      diagnostic: hostDiagnostic(target.host, 'warning', { code: 'host-key-not-saved', summary }),
    });
  }
}

function report<Key>(
  trace: Trace,
  { target, keyring, started }: Attempt<Key>,
  made: { readonly connection: Connection; readonly hostKey: Buffer | null; readonly decision: Trust | null },
): void {
  const { connection, hostKey, decision } = made;
  if (hostKey === null) return;
  trace({
    type: 'connected',
    host: target.label,
    user: target.user,
    address: connection.address,
    port: target.port,
    hostKeyType: keyType(hostKey),
    hostKeyFingerprint: fingerprint(hostKey),
    trustedBy: decision?.accept && decision.by !== null ? `${decision.by.file}:${decision.by.line}` : null,
    identity: keyring.current ?? '',
    durationMs: performance.now() - started,
  });
}
