import { type Command, sh } from '../../base/shell.js';
import { type Session, TransportError } from '../../transport/types.js';
import { requestOf } from './answer.js';
import { BASH_PROGRAM, PYTHON_PROGRAM } from './probe-programs.js';
import { type Prober, type ProberInput, REQUEST_TIMEOUT } from './prober.js';
import type { Sample } from './samples.js';

/** Seconds without a word after which a client loop counts as lost: each of its requests ends within one. */
export const SILENCE = 10;

/** Seconds; longer than anybody drills. */
const LIMIT = 7 * 24 * 3600;

export interface RemoteInput extends ProberInput {
  readonly session: Session;
  /** What that host's clock is ahead of ours, in milliseconds. */
  readonly offset: number;
}

/** A client loop on another host, with the best that is there: Python 3, else bash 5. */
export function probeThere({ session, offset, aim, rate }: RemoteInput): Prober {
  const samples: Sample[] = [];
  const ended = new AbortController();
  const { name } = session.host;
  let program = '';
  let failure: string | null = null;
  // By ticks, not by the clock: a process that was itself stopped meanwhile has heard nothing, either.
  let quiet = 0;
  const listening = setInterval(() => {
    quiet++;
    if (quiet >= SILENCE) failure ??= `the client loop on ${name} has not been heard of for ${SILENCE} s`;
  }, 1000);
  listening.unref();
  const onLine = (line: string): void => {
    quiet = 0;
    if (line.startsWith('ready ')) program = line.slice('ready '.length);
    const sample = parseSample(line, offset);
    if (sample !== null) samples.push(sample);
  };
  session.run(probeScript({ aim, rate }), { limit: LIMIT, signal: ended.signal, onLine }).then(
    ({ exitCode, stderr }) => {
      failure ??=
        exitCode === NOTHING_THERE
          ? `${name} has neither python3 nor bash 5 to measure with`
          : `the client loop on ${name} ended (exit ${exitCode}): ${stderr.trim()}`;
    },
    (error: unknown) => {
      if (!(error instanceof TransportError)) throw error;
      if (error.failure !== 'aborted')
        failure ??= `the client loop on ${name} is lost: ${error.diagnostic.summary}`;
    },
  );
  return {
    get description() {
      return `${program || 'the client loop'} on ${name}`;
    },
    samples,
    failure: () => failure,
    stop() {
      clearInterval(listening);
      ended.abort();
    },
  };
}

const NOTHING_THERE = 9;

/** EL 8 keeps its Python where no PATH leads. */
export function probeScript({ aim, rate }: ProberInput): Command {
  const seconds = REQUEST_TIMEOUT / 1000;
  const rest = sh`${aim.kind} ${aim.address} ${aim.port} ${requestOf(aim)} ${rate} ${seconds} ${aim.status ?? 0}`;
  return sh`for python in python3 /usr/libexec/platform-python; do
  command -v "$python" >/dev/null 2>&1 && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' || continue
  exec "$python" -c ${PYTHON_PROGRAM} ${rest}
done
command -v bash >/dev/null 2>&1 && exec bash -c ${BASH_PROGRAM} lbctl ${rest}
exit ${NOTHING_THERE}`;
}

/** `START END ok|failed WHY` */
export function parseSample(line: string, offset: number): Sample | null {
  const [, start, end, verdict, why = ''] = /^(\d+\.\d+) (\d+\.\d+) (ok|failed)(?: (.*))?$/.exec(line) ?? [];
  if (start === undefined || end === undefined) return null;
  return { start: Number(start) - offset, end: Number(end) - offset, ok: verdict === 'ok', why: why.trim() };
}
