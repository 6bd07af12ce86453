import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../../../src/base/shell.js';

/**
 * Ends a script in its middle as a lost connection does: nobody reads what it prints any more, and its whole group gets a
 * TERM, then once more. Resolves when it is gone.
 * @param script as the host's dash gets it
 * @param isThere whether it is where it is to be ended
 */
export async function endedInTheMiddle(
  script: Command | string,
  isThere: () => boolean,
  options: { readonly path?: string } = {},
): Promise<void> {
  const text = typeof script === 'string' ? script : script.text.reveal();
  const path = options.path === undefined ? '' : `${options.path}:`;
  const child = spawn('/bin/sh', ['-c', `(\n${text}\n) </dev/null\nexit $?`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${path}${process.env.PATH}`, LC_ALL: 'C' },
  });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  child.stdout.destroy();
  child.stderr.destroy();
  const deadline = Date.now() + 10_000;
  while (!isThere()) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error('it never came there');
    await sleep(5);
  }
  const group = child.pid ?? 0;
  process.kill(-group, 'SIGTERM');
  await ended;
  // What a script does at its end may go on for a moment after the shell around it.
  for (let i = 0; lives(group); i++) {
    if (i === 100) throw new Error('something of it lives on');
    await sleep(20);
    try {
      process.kill(-group, 'SIGTERM');
    } catch {
      // Gone just now.
    }
  }
}

/** Whether any process of that group does anything any more. */
function lives(group: number): boolean {
  return readdirSync('/proc')
    .filter((it) => /^\d+$/.test(it))
    .some((pid) => {
      try {
        const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
        return Number(pgrp) === group && state !== 'Z';
      } catch {
        return false;
      }
    });
}
