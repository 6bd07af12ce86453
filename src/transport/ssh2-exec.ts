import type { Client, ClientChannel } from 'ssh2';
import type { RemoteProcess } from './run-script.js';
import { ChannelRefused } from './wire.js';

/** RFC 4254: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED. */
export const FORBIDDEN = 1;
/** Stands for the exit status of a command that the server did not begin; ssh(1) itself ends with it then. */
const REFUSED = 255;
/** As ssh2 itself has them. */
const WINDOW = 2 * 1024 * 1024;
const PACKET = 32 * 1024;

type OpenError = Error & { reason?: unknown };
type Opened = ((error: OpenError | undefined, channel: Channel) => void) & { type?: string };

/** The parts of ssh2 1.17.0 that are used; the version is pinned. */
interface Internals {
  readonly _sock?: { readonly writable: boolean };
  readonly _chanMgr: { add(opened: Opened): number };
  readonly _protocol: {
    session(channel: number, window: number, packet: number): void;
    exec(channel: number, command: string, wantReply: boolean): void;
  };
}

type Channel = ClientChannel & {
  subtype?: string;
  readonly incoming: { readonly state: string };
  readonly outgoing: { readonly id: number };
  readonly _callbacks: ((failed: unknown) => void)[];
};

/**
 * Runs a command. ssh2's own `exec` waits for the server's word that it will; here what the command is to read
 * goes with the request: a round trip less for every script. A server that will not says so by ending it.
 */
export function openExec(client: Client, command: string): Promise<RemoteProcess> {
  const { _chanMgr: channels, _protocol: protocol, _sock: socket } = client as unknown as Internals;
  return new Promise((resolve, reject) => {
    if (!socket?.writable) return reject(new Error('Not connected'));
    const opened: Opened = (error, channel) => {
      if (error !== undefined) {
        const { message, reason } = error;
        return reject(reason === undefined ? error : new ChannelRefused(message, reason === FORBIDDEN));
      }
      channel.subtype = 'exec';
      channel.allowHalfOpen = true;
      let isRefused = false;
      channel._callbacks.push((failed) => {
        // The same call tells that the connection is gone.
        if (!failed || channel.incoming.state !== 'open') return;
        isRefused = true;
        channel.stderr.push('the server takes no command (exec request failed)\n');
        channel.close();
      });
      protocol.exec(channel.outgoing.id, command, true);
      resolve(remoteProcess(channel, () => isRefused));
    };
    opened.type = 'session';
    const id = channels.add(opened);
    if (id === -1) return reject(new Error('no free channels'));
    protocol.session(id, WINDOW, PACKET);
  });
}

/** Listens at once: one packet can bring the answer to `exec`, the exit status and the end. */
function remoteProcess(channel: ClientChannel, isRefused: () => boolean): RemoteProcess {
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
    onStdout: (listener) => channel.on('data', listener),
    onStderr: (listener) => channel.stderr.on('data', listener),
    // A status of ours: nothing ran, whereas without any the connection was lost.
    onClose: (listener) => closed.then(() => listener(isRefused() ? REFUSED : exitCode, signalName)),
    close: () => channel.close(),
  };
}
