import type { Io } from '../../../src/commands/options.js';

export interface TestIo extends Io {
  /** What was written so far. */
  readonly out: () => string;
  readonly err: () => string;
}

/** A process that is no terminal, with an environment of its own. */
export function testIo(env: Io['env'] = {}, options: { readonly isTTY?: boolean } = {}): TestIo {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    ({
      isTTY: options.isTTY ?? false,
      write: (text: string) => {
        written[name] += text;
        return true;
      },
    }) as unknown as NodeJS.WriteStream;
  return {
    env: { HOME: '/nowhere', ...env },
    stdout: stream('out'),
    stderr: stream('err'),
    interrupted: new AbortController().signal,
    out: () => written.out,
    err: () => written.err,
  };
}
