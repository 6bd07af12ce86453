import { readFileSync } from 'node:fs';

/** The process whose id a script wrote into this file. */
export function pidIn(file: string): number {
  return Number(readFileSync(file, 'utf8'));
}

/** Whether it runs; one that is dead but not yet fetched by its parent does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export async function isGone(pid: number, withinMs: number): Promise<boolean> {
  if (!(pid > 1)) throw new Error(`not a process id: ${pid}`);
  const until = performance.now() + withinMs;
  while (isRunning(pid) && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  return !isRunning(pid);
}
