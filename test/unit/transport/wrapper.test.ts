import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Frame } from '../../../src/transport/frame.js';
import { newMark, remoteCommand, remoteInput } from '../../../src/transport/wrapper.js';
import { isGone, pidIn } from './processes.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-wrapper-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const LIMITS = [60, 'none'] as const;
const SHELLS = ['dash', 'bash', 'busybox sh'].filter(
  (shell) => spawnSync('sh', ['-c', `${shell} -c :`]).status === 0,
);

interface Ended {
  readonly out: Frame;
  readonly err: Frame;
  readonly code: number | null;
  readonly signal: string | null;
  readonly ms: number;
}

/** Runs the command line under a login shell; `end`: whether standard input ends, and after how many ms. */
function runHere(options: {
  code: string;
  limit?: number | 'none';
  shell?: string;
  bytes?: number;
  endAfter?: number;
  /** A folder that comes first in PATH. */
  tools?: string;
}): Promise<Ended> {
  const { code, limit = 60, shell = 'dash', bytes, endAfter, tools } = options;
  // Stands in for /bin/sh, which is another shell on each distribution.
  const command = remoteCommand({ become: false }).replaceAll('/bin/sh', shell);
  const env = { ...process.env, PATH: [tools, process.env.PATH].filter(Boolean).join(':') };
  const child = spawn('sh', ['-c', command], { stdio: 'pipe', env });
  const mark = newMark();
  const out = new Frame(mark);
  const err = new Frame(mark);
  const started = performance.now();
  child.stdin.on('error', () => undefined);
  const read = (frame: Frame) => (chunk: Buffer) => {
    frame.push(chunk);
    // It waits for the next script, or for the end.
    if (out.closed && err.closed) child.stdin.end();
  };
  child.stdout.on('data', read(out));
  child.stderr.on('data', read(err));
  child.stdin.write(remoteInput(mark, code, limit).subarray(0, bytes));
  if (endAfter !== undefined) setTimeout(() => child.stdin.end(), endAfter);
  return new Promise((resolve) => {
    child.on('close', (exit, signal) =>
      resolve({ out, err, code: exit, signal, ms: performance.now() - started }),
    );
  });
}

/** What a script without a limit has written at its end, though the connection was lost while it printed. */
async function afterLoss({ shell = 'dash', tools }: { shell?: string; tools?: string }): Promise<string> {
  const done = join(mkdtempSync(join(dir, 'lost-')), 'done');
  const command = remoteCommand({ become: false }).replaceAll('/bin/sh', shell);
  const env = { ...process.env, PATH: [tools, process.env.PATH].filter(Boolean).join(':') };
  const child = spawn('sh', ['-c', command], { stdio: 'pipe', env });
  const code = `for i in 1 2 3 4 5; do echo line; echo line >&2; sleep 0.1; done; echo whole > ${done}`;
  child.stdin.write(remoteInput(newMark(), code, 'none'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  await new Promise((resolve) => child.on('exit', resolve));
  return readFileSync(done, 'utf8');
}

describe('the command line', () => {
  it('is one that every login shell reads alike', () => {
    const command = remoteCommand({ become: true });
    const [before, first, between, second, after, ...more] = command.split("'");
    expect(more).toEqual([]);
    expect([between, after]).toEqual([' ', '']);
    expect(before).toMatch(/^[a-zA-Z0-9 /_=-]+$/);
    // History expansion in csh, escapes in fish, line breaks in both.
    expect(`${first}${second}`).not.toMatch(/[!\\\n]/);
    expect(command.length).toBeLessThan(300);
  });

  it('has the time limit inside of sudo', () => {
    expect(remoteCommand({ become: true })).toMatch(
      /^exec env LC_ALL=C sudo -n -- \/bin\/sh -c 'while read -r l.*timeout /,
    );
    expect(remoteCommand({ become: false })).toMatch(/^exec \/bin\/sh -c 'while read -r l.*timeout /);
  });

  it('holds nothing of the script', () => {
    const input = remoteInput('m', 'echo hunter2', 5).toString();
    expect(input).toContain('hunter2');
    expect(remoteCommand({ become: true })).not.toContain('hunter2');
    expect(() => remoteInput('m', 'a\0b', 5)).toThrow('NUL');
  });
});

describe.concurrent.each(SHELLS)('under %s', (shell) => {
  it.each(LIMITS)('exit status and both streams (limit %s)', async (limit) => {
    const { out, err } = await runHere({ shell, limit, code: 'echo out; printf err >&2; exit 3' });
    expect([out.text(), err.text(), out.exitCode, err.exitCode]).toEqual(['out\n', 'err', 3, 3]);
  });

  it.each(LIMITS)(
    'a script that reads standard input reads nothing, and goes on (limit %s)',
    async (limit) => {
      const { out } = await runHere({
        shell,
        limit,
        code: 'cat\nread -r line\necho "<$line>"\nhead -c 9\necho end',
      });
      expect([out.text(), out.exitCode]).toEqual(['<>\nend\n', 0]);
    },
  );

  it.each(LIMITS)(
    'set -e, here-documents, bytes that are no ASCII, trailing comments (limit %s)',
    async (limit) => {
      const code = `cat <<'END'\n$HOME 'é' "\\\\n"\nEND\nset -e\nfalse\necho not here # no line end`;
      const { out } = await runHere({ shell, limit, code });
      expect([out.text(), out.exitCode]).toEqual([`$HOME 'é' "\\\\n"\n`, 1]);
    },
  );

  it.each(LIMITS)('a script that is no shell code runs in no part (limit %s)', async (limit) => {
    const { out, err } = await runHere({ shell, limit, code: 'echo started\nif true; then' });
    expect(out.text()).toBe('');
    expect(out.exitCode).not.toBe(0);
    expect(err.text()).not.toBe('');
  });

  it('a script of which any part got lost does not run at all', async () => {
    const code = 'echo one\necho two\necho three';
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(...LIMITS),
        async (part, limit) => {
          const bytes = Math.min(0.9999, part) * remoteInput(newMark(), code, limit).length;
          const { out, code: exit } = await runHere({ shell, limit, code, bytes, endAfter: 0 });
          expect([out.opened, out.text(), exit]).toEqual([false, '', 125]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('a command that is never given a script ends with its standard input', async () => {
    const { out, err, code: exit, ms } = await runHere({ shell, code: '', bytes: 0, endAfter: 100 });
    expect([out.text(), err.text(), exit]).toEqual(['', '', 125]);
    expect(ms).toBeLessThan(5_000);
  });

  it('150 kB of script with secrets arrive whole', async () => {
    const long = 'x'.repeat(150_000);
    const { out } = await runHere({ shell, code: `v='${long}'; echo \${#v}` });
    expect(out.text()).toBe('150000\n');
  });

  it('at the limit the whole process group is ended, what ignores TERM as well', async () => {
    const pidFile = join(dir, `stubborn-${SHELLS.indexOf(shell)}`);
    const code = `sh -c 'trap "" TERM; echo $$ > ${pidFile}; while :; do sleep 0.2; done'; echo after`;
    const { out, code: exit, signal, ms } = await runHere({ shell, limit: 1, code });
    expect(out.text()).toBe('');
    expect(out.closed).toBe(false);
    expect(exit === 137 || signal === 'SIGKILL').toBe(true);
    expect(ms).toBeGreaterThan(5_900);
    expect(await isGone(pidIn(pidFile), 2_000)).toBe(true);
  }, 15_000);

  it('a script that ends by itself with 124 was not ended by the limit', async () => {
    const { out } = await runHere({ shell, limit: 5, code: 'exit 124' });
    expect([out.closed, out.exitCode]).toEqual([true, 124]);
  });

  it('when the connection is lost, a script with a limit is ended', async () => {
    const pidFile = join(dir, `lost-${SHELLS.indexOf(shell)}`);
    const { out, ms } = await runHere({
      shell,
      endAfter: 300,
      code: `echo $$ > ${pidFile}; sleep 30; echo after`,
    });
    expect(out.closed).toBe(false);
    expect(ms).toBeLessThan(3_000);
    expect(await isGone(pidIn(pidFile), 2_000)).toBe(true);
  });

  it('when the connection is lost, a script without a limit goes on to its end, though it prints', async () => {
    expect(await afterLoss({ shell })).toBe('whole\n');
  });

  it('runs one script after the other, and each as if it were the first', async () => {
    const command = remoteCommand({ become: false }).replaceAll('/bin/sh', shell);
    const child = spawn('sh', ['-c', command], { stdio: 'pipe' });
    const run = (code: string, limit: number | 'none') => {
      const mark = newMark();
      const [out, err] = [new Frame(mark), new Frame(mark)];
      return new Promise<[string, string, number | null]>((resolve) => {
        const read = (frame: Frame) => (chunk: Buffer) => {
          frame.push(chunk);
          if (out.closed && err.closed) resolve([out.text(), err.text(), out.exitCode]);
        };
        child.stdout.removeAllListeners('data').on('data', read(out));
        child.stderr.removeAllListeners('data').on('data', read(err));
        child.stdin.write(remoteInput(mark, code, limit));
      });
    };
    const first = `cd /tmp; umask 0; a=left; echo out; false`;
    const second = `echo "$a $(pwd) $(umask)"; echo err >&2; read -r line || echo nothing; exit 7`;
    for (const limit of [60, 'none', 60, 60, 'none'] as const) {
      expect(await run(first, limit)).toEqual(['out\n', '', 1]);
      expect(await run(second, limit)).toEqual([expect.stringMatching(/^ \/ 0?022\nnothing\n$/), 'err\n', 7]);
    }
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.stdin.end();
    expect(await ended).toBe(125);
  });
});

describe('a script without a limit, on a host whose tee', () => {
  const tools = (program: string) => {
    const folder = mkdtempSync(join(dir, 'tools-'));
    writeFileSync(join(folder, 'tee'), `#!/bin/sh\n${program}\n`);
    chmodSync(join(folder, 'tee'), 0o755);
    return folder;
  };
  // busybox's own words.
  const NO_P = `case $1 in -p) echo "tee: invalid option -- 'p'" >&2; exit 1 ;; esac\nexec /usr/bin/tee "$@"`;

  it('knows no -p: its output comes all the same', async () => {
    const code = 'echo out; echo err >&2; exit 3';
    const { out, err } = await runHere({ code, limit: 'none', tools: tools(NO_P) });
    expect([out.text(), err.text(), out.exitCode]).toEqual(['out\n', 'err\n', 3]);
  });

  it('knows no -p: it goes on to its end when the connection is lost', async () => {
    expect(await afterLoss({ tools: tools(NO_P) })).toBe('whole\n');
  });

  it('does not work at all: the shell ends, and nobody waits for marks that never come', async () => {
    const { out, err, code, signal } = await runHere({
      code: 'echo out',
      limit: 'none',
      tools: tools('exit 1'),
    });
    expect(out.closed && err.closed).toBe(false);
    expect(signal !== null || code !== 0).toBe(true);
  });
});
