import { expect, it } from 'vitest';
import { commandLink } from '../../../src/transport/link.js';

it('Ctrl-C, which the terminal sends to the whole group, does not end a ProxyCommand', async () => {
  // A program that would end by it, and a shell as well: both get the signal as from a terminal.
  for (const program of [
    'sh -c "kill -INT \\$\\$; sleep 0.1; echo alive"',
    "env sh -c 'kill -INT 0; echo alive'",
  ]) {
    const link = commandLink(`setsid -w ${program}`);
    let said = '';
    for await (const chunk of link.stream) said += chunk;
    expect(said).toBe('alive\n');
  }
});

it('a ProxyCommand ends with its link', async () => {
  const link = commandLink('sh -c "echo \\$\\$; exec sleep 60"');
  const pid = await new Promise<number>((resolve) =>
    link.stream.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))),
  );
  link.stream.destroy();
  await expect
    .poll(() => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    })
    .toBe(false);
});
