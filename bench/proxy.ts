import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A TCP proxy on loopback in front of one host's SSH: it delays both ways by half a round trip, the three-way
 * handshake included, and counts round trips: how often the client spoke after it had heard something.
 */
export interface DelayProxy {
  readonly port: number;
  /** Milliseconds there and back. */
  setRoundTrip(ms: number): void;
  /** Round trips since the last call, TCP's own handshake included. */
  takeCount(): number;
  close(): void;
}

export async function startProxy(target: number): Promise<DelayProxy> {
  let roundTrip = 0;
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const half = roundTrip / 2;
    // The client's own kernel hears the answer to its SYN a round trip after it called.
    const opened = performance.now() + roundTrip;
    count += 1;
    let heard = false;
    sockets.add(client);
    client.pause();
    later(half, () => {
      const host = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      sockets.add(host);
      relay(
        client,
        host,
        () => Math.max(0, opened - performance.now()) + half,
        () => {
          if (heard) count += 1;
          heard = false;
        },
      );
      relay(
        host,
        client,
        () => half,
        () => {
          // The counting sits at the host's end of the line; what arrives there later than this was said after it.
          later(half, () => {
            heard = true;
          });
        },
      );
      for (const [one, other] of [
        [client, host],
        [host, client],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => {
          sockets.delete(one);
          later(half, () => other.destroy());
        });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    setRoundTrip(ms) {
      roundTrip = ms;
    },
    takeCount() {
      const taken = count;
      count = 0;
      return taken;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function later(ms: number, action: () => void): void {
  if (ms > 0) setTimeout(action, ms);
  else action();
}

/** Passes everything on in its order, each piece `delay()` milliseconds after it came. */
function relay(from: Socket, to: Socket, delay: () => number, seen: () => void): void {
  const queue: { due: number; action: () => void }[] = [];
  let waiting = false;
  const drain = () => {
    waiting = false;
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const left = head.due - performance.now();
      if (left > 0.2) {
        waiting = true;
        setTimeout(drain, left);
        return;
      }
      queue.shift();
      head.action();
    }
  };
  const send = (action: () => void) => {
    queue.push({ due: performance.now() + delay(), action });
    if (!waiting) drain();
  };
  from.on('data', (data: Buffer) => {
    seen();
    send(() => to.writable && to.write(data));
  });
  from.on('end', () => send(() => to.end()));
  from.resume();
}
