import type { Host } from '../../../src/inventory/model.js';
import type { RunOptions, RunResult, Session, Transport } from '../../../src/transport/types.js';

/** What a host answers: a part of a result, its standard output, or an error to throw. */
export type FakeAnswer = string | Partial<RunResult> | Error;

export interface FakeRun {
  /** `cluster/name` */
  readonly host: string;
  /** With its secrets, as it would have been sent. */
  readonly script: string;
  readonly limit: RunOptions['limit'];
}

export interface FakeTransport extends Transport {
  /** Everything that ran, in order. */
  readonly runs: readonly FakeRun[];
  /** `cluster/name` of the connections that are open now. */
  readonly open: ReadonlySet<string>;
}

/**
 * A transport without hosts. `answer` gets the host and the script's whole text; `connect` may return an
 * error for hosts that are not to be reached.
 */
export function fakeTransport(options: {
  readonly answer: (host: Host, script: string) => FakeAnswer | Promise<FakeAnswer>;
  readonly connect?: (host: Host) => Error | undefined;
}): FakeTransport {
  const runs: FakeRun[] = [];
  const open = new Set<string>();
  const connect = async (host: Host): Promise<Session> => {
    const label = `${host.cluster}/${host.name}`;
    const refusal = options.connect?.(host);
    if (refusal !== undefined) throw refusal;
    open.add(label);
    return {
      host,
      run: async (script, { limit }) => {
        const text = script.text.reveal();
        runs.push({ host: label, script: text, limit });
        const answer = await options.answer(host, text);
        if (answer instanceof Error) throw answer;
        const part = typeof answer === 'string' ? { stdout: answer } : answer;
        return { exitCode: 0, signal: null, stdout: '', stderr: '', timedOut: false, durationMs: 1, ...part };
      },
      close: () => open.delete(label),
    };
  };
  return { connect, runs, open };
}
