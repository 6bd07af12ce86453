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
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: 'pipe' });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-MAX_WORDS);
  });
  const stream = new Duplex({
    read: () => child.stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => child.stdin.write(chunk, (error) => done(error ?? null)),
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
  child.stdout.on('end', () => stream.push(null));
  child.on('error', (error) => stream.destroy(error));
  // Its last words come with the end.
  child.on('close', () => stream.destroy());
  return { stream, address: '', said: () => words.trim() };
}
