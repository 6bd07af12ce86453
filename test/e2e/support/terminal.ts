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

export interface Watched {
  readonly exit: number | null;
  /** Everything that the terminal got. */
  readonly text: string;
}

/** Runs lbctl on a terminal; does something as soon as what it waits for is shown, and presses Ctrl-C where that is null. */
export async function watchOnTerminal(
  args: readonly string[],
  steps: readonly (readonly [RegExp, (() => Promise<unknown>) | null])[],
): Promise<Watched> {
  const command = ['stty rows 30 cols 100;', process.execPath, bin, ...args].join(' ');
  const child = spawn('script', ['-qfec', command, '/dev/null'], { env: { ...cleanEnv, TERM: 'xterm' } });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const open = [...steps];
  let text = '';
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    const [next] = open;
    // Without colours, of which a sentence may have several.
    if (next === undefined || !next[0].test(text.slice(from).replace(/\x1b\[[0-9;]*m/g, ''))) return;
    open.shift();
    from = text.length;
    if (next[1] === null) child.stdin.write('\x03');
    else next[1]().catch(() => child.kill());
  });
  const exit = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  if (open.length > 0) throw new Error(`not seen: ${open.map(([pattern]) => pattern).join(', ')} in ${text}`);
  return { exit, text };
}
