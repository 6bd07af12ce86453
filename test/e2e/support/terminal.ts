import { spawn } from 'node:child_process';
import { bin, cleanEnv } from './lbctl.js';

export interface Typed {
  readonly exit: number | null;
  /** Everything that the terminal showed. */
  readonly seen: string;
  /** What was not asked for. */
  readonly left: readonly RegExp[];
}

/** Runs lbctl on a terminal (by script(1)) and types each answer once its question is seen. */
export async function onTerminal(
  args: readonly string[],
  answers: readonly (readonly [RegExp, string])[],
): Promise<Typed> {
  const command = [process.execPath, bin, ...args].join(' ');
  const child = spawn('script', ['-qfec', command, '/dev/null'], { env: { ...cleanEnv, TERM: 'dumb' } });
  const open = [...answers];
  let seen = '';
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    const [next] = open;
    if (next?.[0].test(seen.slice(from))) {
      open.shift();
      from = seen.length;
      child.stdin.write(next[1]);
    }
  });
  const exit = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { exit, seen, left: open.map(([question]) => question) };
}
