import { connect, createServer, type Socket } from 'node:net';

/** A proxy on loopback before a host's sshd, as a bad link would be. */
export interface SlowWire {
  readonly port: number;
  /** From now on nothing goes through, in either direction, for so many milliseconds; then all of it, in order. */
  stall(ms: number): void;
  /** Ends what goes through now; who connects again gets through. */
  cut(): void;
  close(): Promise<void>;
}

/** @param delayMs for what goes one way, so that a round trip takes twice as long */
export async function openSlowWire(target: number, delayMs = 0): Promise<SlowWire> {
  const sockets = new Set<Socket>();
  let free = 0;
  const pass = (from: Socket, to: Socket) => {
    let last = Promise.resolve();
    from.on('data', (data) => {
      const arrived = Date.now();
      last = last.then(async () => {
        // A stall that began meanwhile holds back what is on its way as well.
        for (let wait = 1; wait > 0; ) {
          wait = Math.max(arrived + delayMs, free) - Date.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        }
        if (!to.destroyed) to.write(data);
      });
    });
    from.on('close', () => {
      sockets.delete(from);
      last = last.then(() => void to.destroySoon());
    });
    from.on('error', () => undefined);
  };
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    sockets.add(near).add(far);
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    stall: (ms) => {
      free = Date.now() + ms;
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
