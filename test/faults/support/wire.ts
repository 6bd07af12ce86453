import { connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy on loopback before a host's sshd, whose wire can be cut. */
export interface Wire {
  readonly port: number;
  /** Bytes that went to the host since the last `arm`. */
  sent(): number;
  /** Cuts once after so many more bytes to the host; `away`: the host cannot be reached afterwards either. */
  arm(options: { after: number; afterwards: 'reachable' | 'away' }): void;
  /** Cuts now. */
  cut(afterwards: 'reachable' | 'away'): void;
  /** Whole again. */
  mend(): void;
  /** Whether the cut has happened. */
  wasCut(): boolean;
  close(): Promise<void>;
}

export async function openWire(target: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let sent = 0;
  let limit = Number.POSITIVE_INFINITY;
  let afterwards: 'reachable' | 'away' = 'reachable';
  let away = false;
  let cut = false;
  const server: Server = createServer((near) => {
    if (away) {
      near.destroy();
      return;
    }
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
      socket.on('error', () => undefined);
    }
    far.on('data', (data) => near.write(data));
    near.on('data', (data) => {
      sent += data.length;
      if (sent < limit) {
        far.write(data);
        return;
      }
      // What fits is delivered: a script may arrive in part.
      far.write(data.subarray(0, Math.max(0, data.length - (sent - limit))));
      limit = Number.POSITIVE_INFINITY;
      cut = true;
      away = afterwards === 'away';
      for (const socket of sockets) socket.destroySoon();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    sent: () => sent,
    arm: (options) => {
      sent = 0;
      cut = false;
      limit = options.after;
      afterwards = options.afterwards;
    },
    cut: (how) => {
      cut = true;
      away = how === 'away';
      for (const socket of sockets) socket.destroySoon();
    },
    mend: () => {
      away = false;
      limit = Number.POSITIVE_INFINITY;
    },
    wasCut: () => cut,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
