import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { servernameOf } from '../../render/binds.js';
import { problemWith, requestOf } from './answer.js';
import { now } from './clock.js';
import { type Prober, type ProberInput, REQUEST_TIMEOUT } from './prober.js';
import type { Sample } from './samples.js';
import type { Aim } from './target.js';

/** A client loop in this process: request N begins at N intervals, whatever became of the others. */
export function probeHere({ aim, rate }: ProberInput): Prober {
  const samples: Sample[] = [];
  const interval = 1000 / rate;
  const origin = now();
  let number = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    if (stopped) return;
    // What was missed while this process was busy is not made up for: a burst is no client.
    number = Math.max(number, Math.floor((now() - origin) / interval));
    number++;
    ask(aim, (sample) => {
      if (!stopped) samples.push(sample);
    });
    timer = setTimeout(next, Math.max(0, origin + number * interval - now()));
  };
  next();
  return {
    description: 'lbctl itself, on this machine',
    samples,
    failure: () => null,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function ask(aim: Aim, done: (sample: Sample) => void): void {
  const start = now();
  const chunks: Buffer[] = [];
  const { address: host, port } = aim;
  // Whose name is on the certificate is not what is measured; HAProxy may choose it by the name that it is called by.
  const servername = servernameOf(aim.hostHeader);
  const tls = { host, port, rejectUnauthorized: false, ...(servername === null ? {} : { servername }) };
  const socket: Socket = aim.kind === 'https' ? connectTls(tls) : connect({ host, port });
  let over = false;
  const end = (why: string | null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.destroy();
    done({ start, end: now(), ok: why === null, why: why ?? '' });
  };
  const timer = setTimeout(() => end('timeout'), REQUEST_TIMEOUT);
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  socket.on(aim.kind === 'https' ? 'secureConnect' : 'connect', () => {
    if (aim.kind === 'tcp') end(null);
    else socket.write(requestOf(aim));
  });
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('close', () =>
    end(aim.kind === 'tcp' ? 'closed' : problemWith(Buffer.concat(chunks), aim.status)),
  );
}
