import type { Host } from '../inventory/model.js';
import type { Passwords } from './become.js';
import { AttemptFailed, dial } from './dial.js';
import { type Doubt, passwordsUnlessInDoubt } from './doubt.js';
import { aborted } from './failures.js';
import { confirmed, isInQuestion, KeyInQuestion, readTrust, remember } from './host-key.js';
import type { HostTrust, Trust } from './host-trust.js';
import type { JumpPool } from './jump-pool.js';
import { fingerprint, keyType } from './key-blob.js';
import { Keyring, type KeyringDeps } from './keyring.js';
import type { KnownHostsFiles } from './known-hosts-files.js';
import { commandLink, type Link } from './link.js';
import { loginFailure } from './login-failure.js';
import { backoff, pause } from './pause.js';
import { type RouteDeps, resolveTarget } from './route.js';
import { SshSession } from './session.js';
import type { Target } from './target.js';
import type { Trace } from './trace.js';
import type { Session } from './types.js';
import { type Connection, LoginFailed, type Wire } from './wire.js';

export interface ConnectDeps<Key> extends KeyringDeps<Key>, RouteDeps {
  readonly wire: Wire<Key>;
  readonly knownHosts: KnownHostsFiles;
  readonly jumps: JumpPool;
  readonly passwords: Passwords;
  readonly trace: Trace;
  readonly authenticationMs: number;
}

/** So often in all a connection is tried that is refused, or cut in the middle of the login. */
const TRIES = 3;
/** Of the pauses between two tries, on average. */
const LONGEST_PAUSE_MS = 1_200;
/** So many connections in all when there are more keys than one takes (MaxAuthTries). */
const KEY_ROUNDS = 4;

/** @throws TransportError */
export async function connectHost<Key>(
  deps: ConnectDeps<Key>,
  host: Host,
  signal: AbortSignal | undefined,
): Promise<Session> {
  if (signal?.aborted) throw aborted(host);
  const target = await resolveTarget(deps, host);
  const doubt: Doubt = { warning: null };
  const connection = await logIn(deps, target, signal, doubt);
  return new SshSession(target, connection, deps.trace, {
    passwords: passwordsUnlessInDoubt(target, deps.passwords, doubt),
    reconnect: (again) => logIn(deps, target, again, doubt),
  });
}

/** A connection that stands, to a host or to one on the way. @throws TransportError */
async function logIn<Key>(
  given: ConnectDeps<Key>,
  target: Target,
  signal: AbortSignal | undefined,
  doubt: Doubt,
): Promise<Connection> {
  if (signal?.aborted) throw aborted(target.host);
  const started = performance.now();
  const deps = target.ask.anything ? given : { ...given, ask: null };
  const [trust, firstKeyring] = await Promise.all([
    readTrust(deps.knownHosts, target),
    Keyring.of(deps, target),
  ]);
  const inTime = () => performance.now() + target.connectTimeoutMs;
  let keyring = firstKeyring;
  let deadline = inTime();
  /** Until then sshd may say that it has too many logins under way: each of many at once waits for its turn. */
  let patience = deadline;
  let keyRounds = 1;
  let cuts = 0;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(deps, { target, trust, keyring, deadline, signal, started, doubt });
    } catch (error) {
      if (error instanceof KeyInQuestion) {
        if (!(await confirmed(deps.ask, error))) throw error.decision.error;
        trust.confirm(error.key);
        patience = deadline = inTime();
        continue;
      }
      if (!(error instanceof AttemptFailed)) throw error;
      if (error.retry === 'at-once' && keyRounds++ < KEY_ROUNDS) {
        patience = deadline = inTime();
        continue;
      }
      if (error.retry !== 'later' && error.retry !== 'when-free') throw error.error;
      if (error.retry === 'later' && ++cuts >= TRIES) throw error.error;
      const delayMs = backoff(tries, 150, LONGEST_PAUSE_MS);
      if (performance.now() + delayMs >= patience) throw error.error;
      deps.trace({ type: 'retry', host: target.label, reason: error.message, delayMs });
      await pause(delayMs, target.host, signal);
      // Whose turn it is at last has the whole time for the handshake.
      if (error.retry === 'when-free') deadline = inTime();
      // The keys that the lost connection was shown were not turned down.
      keyring = await Keyring.of(deps, target);
    }
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
  readonly doubt: Doubt;
}

/** @throws AttemptFailed, KeyInQuestion, TransportError */
async function attempt<Key>(deps: ConnectDeps<Key>, options: Attempt<Key>): Promise<Connection> {
  const { target, trust, keyring, signal, doubt } = options;
  let { deadline } = options;
  const left = () => Math.max(1, deadline - performance.now());
  const link = await openLink(deps, target, left(), signal);
  // Each host on the way had its own time.
  if (target.route.kind === 'jump') deadline = performance.now() + target.connectTimeoutMs;
  let hostKey: Buffer | null = null;
  let decision: Trust | null = null;
  let written: Promise<void> = Promise.resolve();
  let connection: Connection;
  try {
    connection = await deps.wire.login({
      link,
      user: target.user,
      algorithms: trust.algorithms,
      handshakeMs: left(),
      authenticationMs: deps.authenticationMs,
      keepalive: target.keepalive,
      signal,
      acceptHostKey: (key) => {
        // The same key again when the session keys are renewed; never another one.
        if (hostKey !== null) return hostKey.equals(key);
        hostKey = Buffer.from(key);
        decision = trust.decide(hostKey);
        doubt.warning = (decision.accept && decision.warning) || null;
        return decision.accept;
      },
      onHandshake: () => {
        if (decision?.accept && hostKey !== null) written = remember(deps, target, decision, hostKey);
      },
      nextIdentity: (methods, partial) => {
        keyring.isHostDoubtful = doubt.warning !== null;
        return keyring.next(methods, partial);
      },
      onBanner: (text) => {
        keyring.banner = text;
      },
    });
  } catch (error) {
    await written;
    if (!(error instanceof LoginFailed)) throw error;
    const made: Trust | null = decision;
    if (hostKey !== null && deps.ask !== null && isInQuestion(made)) throw new KeyInQuestion(made, hostKey);
    throw loginFailure(error.problem, {
      target,
      trust,
      decision,
      refusal: keyring.refusal(),
      keysLeft: keyring.hasMore,
      isTyped: keyring.isTyped,
      authenticationMs: deps.authenticationMs,
      proxySaid: link.said(),
    });
  }
  await written;
  report(deps.trace, options, { connection, hostKey, decision });
  return connection;
}

/** A way to the server's port. @throws AttemptFailed, KeyInQuestion, TransportError */
async function openLink<Key>(
  deps: ConnectDeps<Key>,
  target: Target,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<Link> {
  const { route } = target;
  switch (route.kind) {
    case 'direct':
      return dial(target, limitMs, signal);
    case 'command':
      return commandLink(route.command);
    case 'jump':
      return deps.jumps.open(target, route.via, {
        signal,
        login: () => logIn(deps, route.via, signal, { warning: null }),
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
    name: target.name,
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
