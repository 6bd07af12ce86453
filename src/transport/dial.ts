import { connect } from 'node:net';
import { aborted, errorCode, errorText, failure } from './failures.js';
import type { Link } from './link.js';
import { destination, sshArguments, type Target } from './target.js';
import type { TransportError } from './types.js';

/**
 * A failure of one attempt to connect, and whether another one may do better: after a pause, with the keys that are left, or
 * (`when-free`) when sshd has fewer logins under way (MaxStartups).
 */
export class AttemptFailed extends Error {
  constructor(
    readonly error: TransportError,
    readonly retry: 'never' | 'later' | 'at-once' | 'when-free',
  ) {
    super(error.message);
  }
}

/** A TCP connection. @throws AttemptFailed */
export function dial(target: Target, limitMs: number, signal: AbortSignal | undefined): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.hostname, port: target.port });
    socket.setNoDelay(true);
    const finish = (error?: AttemptFailed) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('connect', onConnect);
      if (error === undefined)
        return resolve({ stream: socket, address: socket.remoteAddress ?? '', said: () => '' });
      // Late errors of a socket that is given up must find a listener.
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const onConnect = () => finish();
    const onError = (error: unknown) => finish(dialFailure(target, error));
    const onAbort = () => finish(new AttemptFailed(aborted(target.host), 'never'));
    const timer = setTimeout(
      () => finish(new AttemptFailed(timeout(target, 'a TCP connection'), 'never')),
      limitMs,
    );
    socket.on('connect', onConnect).on('error', onError);
    signal?.addEventListener('abort', onAbort);
  });
}

/** `missing`: what had not come about when the time was over. */
function timeout(target: Target, missing: string): TransportError {
  return failure('unreachable', target.host, {
    code: 'connect-timeout',
    summary: `no answer from ${target.name} (${target.hostname} port ${target.port}): after ${target.connectTimeoutMs / 1000} s there was still not ${missing}`,
    hint: `is ${target.name} up, and does no firewall on the way drop TCP port ${target.port}? (\`ssh -v ${sshArguments(target)}\`)`,
  });
}

/** Any error of the socket, before or after the connection stood. */
export function dialFailure(target: Target, error: unknown): AttemptFailed {
  const { host, name, hostname, port } = target;
  const make = (code: string, summary: string, hint: string, retry: AttemptFailed['retry'] = 'never') =>
    new AttemptFailed(failure('unreachable', host, { code, summary, hint }), retry);
  switch (errorCode(error)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NONAME':
      return make(
        'name-not-found',
        `the name ${hostname} cannot be resolved`,
        `check \`ssh.hostname\` of ${name}, or try \`getent hosts ${hostname}\``,
      );
    case 'ECONNREFUSED':
      return make(
        'connect-refused',
        `${hostname} refuses connections on port ${port}`,
        `does sshd run on ${name}, and on that port? (on it: \`systemctl status sshd ssh\`, \`ss -ltn\`)`,
        'later',
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return make(
        'connect-reset',
        `${hostname} port ${port} closed the connection at once`,
        `sshd may have too many connections just now (MaxStartups), or refuse this address (on ${name}: \`journalctl -u sshd -u ssh\`)`,
        'later',
      );
    case 'ETIMEDOUT':
      return new AttemptFailed(timeout(target, 'a TCP connection'), 'never');
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
      return make(
        'no-route',
        `there is no way to ${hostname} from here (${errorCode(error)})`,
        `is ${name} up and on the same network? (\`ip route get ${hostname}\`, \`ping ${hostname}\`)`,
      );
    default:
      return make(
        'connect-failed',
        `cannot connect to ${destination(target)}: ${errorText(error)}`,
        `try \`ssh -v ${sshArguments(target)}\``,
      );
  }
}
