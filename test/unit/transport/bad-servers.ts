import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import ssh2, { type AuthContext, type ServerChannel, type Connection as ServerConnection } from 'ssh2';
import type { Protocol } from '../../../src/transport/ssh2-keys.js';
import { TransportError } from '../../../src/transport/types.js';

const servers: { close(): void }[] = [];

export function closeServers(): void {
  for (const server of servers.splice(0)) server.close();
}

/** A server on loopback that does this with every connection. */
export async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({}, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return portOf(server);
}

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
});

export interface ServerBehaviour {
  readonly banner?: string;
  /** Default: everybody is let in. */
  readonly onAuthentication?: (context: AuthContext, client: ServerConnection) => void;
  /** Once somebody is let in. */
  readonly onClient?: (client: ServerConnection) => void;
}

/** An SSH server of ssh2's, which can do what OpenSSH never would. */
export async function sshServer(behaviour: ServerBehaviour): Promise<number> {
  const { banner, onAuthentication = (context) => context.accept(), onClient } = behaviour;
  const config = { hostKeys: [privateKey], ...(banner === undefined ? {} : { banner }) };
  const server = new ssh2.Server(config, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => onAuthentication(context, client));
    client.on('ready', () => onClient?.(client));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return portOf(server);
}

/**
 * An SSH server that lets everybody in, and cuts its first so many connections when it is about to do this, in the
 * words of ssh2's debug output.
 */
export async function cuttingServer(
  at: string,
  options: { readonly times: number; readonly how: 'end' | 'reset' },
): Promise<{ readonly port: number; connections(): number }> {
  let connections = 0;
  const port = await listen((socket) => {
    const isCut = ++connections <= options.times;
    const debug = (text: string) => {
      if (!isCut || !text.includes(at)) return;
      if (options.how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    };
    const server = new ssh2.Server({ hostKeys: [privateKey], debug }, (client) => {
      client.on('error', () => undefined).on('authentication', (context) => context.accept());
    });
    server.injectSocket(socket);
  });
  return { port, connections: () => connections };
}

/** Sends this message of the protocol, whatever ssh2 makes of it. False: the other side does not take it that quickly. */
export function sendRaw(client: ServerConnection, payload: Buffer): boolean {
  const { _protocol: protocol, _sock: socket } = client as unknown as {
    readonly _sock: Socket;
    readonly _protocol: Pick<Protocol, '_packetRW' | '_cipher'>;
  };
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  protocol._cipher.encrypt(write.finalize(packet));
  // A socket that is gone needs no drain either.
  return socket.writable && !socket.writableNeedDrain;
}

/** Does this with every command. */
export function lettingIn(onExec: (channel: ServerChannel) => void): ServerBehaviour {
  return {
    onClient: (client) =>
      client.on('session', (accept) => accept().on('exec', (acceptExec) => onExec(acceptExec()))),
  };
}

function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** What a transport says of it. */
export async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TransportError)) throw error ?? new Error('it went well');
  const { summary, detail, hint } = error.diagnostic;
  return { failure: error.failure, ...error.diagnostic, said: [summary, detail, hint].join('\n') };
}
