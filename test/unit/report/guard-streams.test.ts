import { execFileSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { guardStreams } from '../../../src/report/guard-streams.js';

test.each(['EPIPE', 'EIO'])('%s is no reason to stop', (code) => {
  const stream = new PassThrough();
  guardStreams([stream]);
  expect(() => stream.emit('error', Object.assign(new Error(code), { code }))).not.toThrow();
});

test('other errors are thrown as ever', () => {
  const stream = new PassThrough();
  guardStreams([stream]);
  expect(() => stream.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }))).toThrow('full');
});

test('a pipe that is closed early does not end the process', () => {
  const entry = fileURLToPath(new URL('../../../src/report/guard-streams.ts', import.meta.url));
  const built = buildSync({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'guard',
  });
  const program = `${built.outputFiles[0]?.text}
    guard.guardStreams([process.stdout]);
    let writes = 0;
    setInterval(() => {
      process.stdout.write('x'.repeat(1000));
      if (++writes === 50) { process.stderr.write('done'); process.exit(0); }
    }, 2);`;
  const script = '{ "$0" -e "$1" | head -c 1 >/dev/null; } 2>&1';
  expect(execFileSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' })).toBe('done');
});
