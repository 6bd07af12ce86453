import type { Socket } from 'node:net';
import ssh2, { type AnyAuthMethod, type Client, type ParsedKey, type ServerHostKeyAlgorithm } from 'ssh2';
import type { Link } from './link.js';
import { authMethod } from './ssh2-auth.js';
import { isSigningError, problemOf } from './ssh2-errors.js';
import { adaptAuthentication } from './ssh2-keys.js';
import { type Connection, LoginFailed, type LoginOptions, type LoginProblem } from './wire.js';

/** ssh2's types lack the `false` that its documentation asks for. */
const NO_MORE_KEYS = false as unknown as AnyAuthMethod;

/** Handshake and authentication over a link. @throws LoginFailed */
export function login(
  options: LoginOptions<ParsedKey>,
  connectionOf: (client: Client, link: Link, lossReason: () => string) => Connection,
): Promise<Connection> {
  const { link, signal } = options;
  const { stream } = link;
  const client = new ssh2.Client();
  let stage: 'handshake' | 'authentication' | 'ready' = 'handshake';
  let words = '';
  let lossReason = '';
  let methods: readonly string[] | null = null;
  let partial = false;
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
    const offer = async (next: (method: AnyAuthMethod) => void): Promise<void> => {
      const identity = await untimed(options.nextIdentity(methods, partial)).catch(() => null);
      try {
        next(identity === null ? NO_MORE_KEYS : authMethod(options.user, identity, untimed));
      } catch {
        // A private key that cannot sign here (SHA-1 where the system forbids it): the next one.
        if (identity !== null) await offer(next);
      }
    };

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
      resolve(connectionOf(client, link, () => lossReason));
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
      authHandler: (_methods, _partial, next) => void offer(next),
      // The only place where ssh2 tells what the server offered.
      debug: (text) => {
        if (stage === 'ready') return;
        const offer = /^Handshake: \(remote\) ([^:]+): (.*)$/.exec(text);
        if (offer?.[1] !== undefined) offers.set(offer[1].toLowerCase(), offer[2] ?? '');
      },
    });
    adaptAuthentication(client, (left, isPartial) => {
      methods = left.filter((method) => method !== '');
      partial = isPartial;
    });
    // Whoever refuses us before the handshake says why in plain text ("Not allowed at this time").
    stream.once('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8').trim();
      if (!text.startsWith('SSH-')) words = text.slice(0, 500);
    });
  });
}
