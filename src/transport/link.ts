import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';

/** What an SSH connection runs over: a socket, a channel of a jump host, a program. */
export interface Link {
  readonly stream: Duplex;
  /** The address that answers at the other end; empty where that is not known. */
  readonly address: string;
  /** What a program in between said on its standard error. */
  said(): string;
}

/** Of what a ProxyCommand says. */
const MAX_WORDS = 2_000;

/** A program of this machine whose standard input and output lead to the server. */
export function commandLink(command: string): Link {
  // Ctrl-C is for lbctl, which still has locks to release over this; a group or session of its own would take the program's terminal.
  const child = spawn('/bin/sh', ['-c', `trap '' INT; exec ${command}`], { stdio: 'pipe' });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-MAX_WORDS);
  });
  const stream = new Duplex({
    read: () => child.stdout.resume(),
    // A program that takes nothing any more is about to end, and to say why.
    write: (chunk: Buffer, _encoding, done) => child.stdin.write(chunk, () => done()),
    final: (done) => {
      child.stdin.end();
      done();
    },
    destroy: (error, done) => {
      child.kill();
      child.stdout.destroy();
      done(error);
    },
  });
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.on('error', (error) => stream.destroy(error));
  // Not before its last words are read as well.
  child.on('close', () => {
    if (!stream.destroyed) stream.push(null);
    setImmediate(() => stream.destroy());
  });
  return { stream, address: '', said: () => words.trim() };
}
