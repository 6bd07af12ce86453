import type { Duplex } from 'node:stream';
import { AttemptFailed } from './dial.js';
import { aborted, failure } from './failures.js';
import type { Link } from './link.js';
import { inTime } from './pause.js';
import type { Target } from './target.js';
import { TransportError } from './types.js';
import { ChannelRefused, type Connection } from './wire.js';

interface Shared {
  readonly connection: Promise<Connection>;
  /** Links that lead over it, and those that are being made. */
  users: number;
}

interface OpenOptions {
  /** Makes the connection to the jump host where there is none. */
  login(): Promise<Connection>;
  readonly signal: AbortSignal | undefined;
}

/** Connections to jump hosts: one for all hosts behind it, open while any of them is. */
export class JumpPool {
  readonly #shared = new Map<string, Shared>();

  /**
   * A way to a host by its jump host; the jump host has the target's time to make it.
   * @throws AttemptFailed, or what `login` throws
   */
  async open(target: Target, via: Target, { login, signal }: OpenOptions): Promise<Link> {
    const key = keyOf(via);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = { connection: login(), users: 0 };
      this.#shared.set(key, shared);
    }
    shared.users++;
    const leave = this.#leaveOnce(key, shared);
    let connection: Connection;
    try {
      connection = await shared.connection;
    } catch (error) {
      // The next one tries anew.
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      throw error;
    }
    let stream: Duplex;
    try {
      if (signal?.aborted) throw aborted(target.host);
      const patience = {
        host: target.host,
        signal,
        limitMs: target.connectTimeoutMs,
        late: () => noAnswer(target, via),
      };
      const opening = connection.forward(target.hostname, target.port);
      stream = await inTime(opening, patience, (late) => late.destroy());
    } catch (error) {
      leave();
      if (error instanceof AttemptFailed) throw error;
      if (error instanceof TransportError) throw new AttemptFailed(error, 'never');
      // A connection that is gone is of no use to the others either.
      if (!(error instanceof ChannelRefused) && this.#shared.get(key) === shared) this.#shared.delete(key);
      throw forwardFailed(target, via, error);
    }
    stream.once('close', leave);
    return { stream, address: '', said: () => '' };
  }

  #leaveOnce(key: string, shared: Shared): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      shared.users--;
      if (shared.users > 0) return;
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      shared.connection.then(
        (connection) => connection.close(),
        () => undefined,
      );
    };
  }
}

/** All that was configured about a jump host and the way to it; not for which host it stands there. */
function keyOf(via: Target): string {
  return JSON.stringify(via, (key, value) => (key === 'host' || key === 'label' ? undefined : value));
}

function noAnswer(target: Target, via: Target): AttemptFailed {
  const where = `${target.hostname} port ${target.port}`;
  return new AttemptFailed(
    failure('unreachable', target.host, {
      code: 'connect-timeout',
      summary: `no answer from ${target.name} (${where}) by way of ${via.name}: after ${target.connectTimeoutMs / 1000} s there was still not a TCP connection`,
      hint: `is ${target.name} up, and does no firewall behind ${via.name} drop TCP port ${target.port}? (on ${via.hostname}: \`nc -vz ${target.hostname} ${target.port}\`)`,
    }),
    'never',
  );
}

function forwardFailed(target: Target, via: Target, error: unknown): AttemptFailed {
  const where = `${target.hostname} port ${target.port}`;
  if (!(error instanceof ChannelRefused)) {
    return new AttemptFailed(
      failure('unreachable', target.host, {
        code: 'jump-lost',
        summary: `the connection to ${via.name} ended on the way to ${target.name}`,
        hint: `is ${via.name} well? (\`ssh -v ${via.user}@${via.hostname}\`)`,
      }),
      'later',
    );
  }
  if (error.forbidden) {
    return new AttemptFailed(
      failure('unreachable', target.host, {
        code: 'jump-forbidden',
        summary: `${via.name} does not let ${via.user} through to ${where}: ${error.message}`,
        hint: `look at AllowTcpForwarding and PermitOpen in sshd_config of ${via.hostname}`,
      }),
      'never',
    );
  }
  return new AttemptFailed(
    failure('unreachable', target.host, {
      code: 'jump-no-way',
      summary: `${via.name} cannot connect to ${target.name} (${where}): ${error.message}`,
      hint: `is ${target.name} up, and does sshd run there on that port? (on ${via.hostname}: \`nc -vz ${target.hostname} ${target.port}\`)`,
    }),
    'later',
  );
}
