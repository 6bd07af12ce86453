import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atTheEnd, raw, sh } from '../../../src/base/shell.js';
import {
  awaitsBeside,
  beginsBeside,
  frame,
  LATE_EXIT,
  newMark,
  parseFrame,
  type Section,
  SHUTTING_DOWN,
  stopScript,
} from '../../../src/engine/framing.js';
import type { RunResult } from '../../../src/transport/types.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const section = (id: string, code: string, onFailure: Section['onFailure'] = 'continue'): Section => ({
  id,
  script: raw(code),
  onFailure,
});
const resultOf = (part: Partial<RunResult>): RunResult => ({
  exitCode: 0,
  signal: null,
  stdout: '',
  stderr: '',
  timedOut: false,
  durationMs: 1,
  ...part,
});

/** Sections run by a real shell, and what is understood of it. */
function run(sections: readonly Section[], shell = '/bin/sh') {
  const mark = newMark();
  const result = runShell(frame(sections, mark), { shell });
  return parseFrame(resultOf(result), mark);
}

it('the time is a number where date knows no fractions, as in busybox: the second that has begun is over', () => {
  const bin = temporaryFolder();
  writeFileSync(join(bin, 'date'), '#!/bin/sh\necho 1700000000.%N\n', { mode: 0o755 });
  const mark = newMark();
  const result = runShell(frame([section('age', 'echo "$asked_now"')], mark), { path: bin });
  expect(parseFrame(resultOf(result), mark).finished[0]?.stdout.trim()).toBe('1700000001');
});

describe.each(['/bin/sh', '/bin/bash'])('several answers from one round trip, by %s', (shell) => {
  it.each([
    ['nothing', ':', { stdout: '', stderr: '', exitCode: 0 }],
    ['a line', 'echo hello', { stdout: 'hello\n', stderr: '', exitCode: 0 }],
    ['without a last line feed', 'printf hello', { stdout: 'hello', stderr: '', exitCode: 0 }],
    [
      'empty lines around',
      "printf '\\n\\nhello\\n\\n'",
      { stdout: '\n\nhello\n\n', stderr: '', exitCode: 0 },
    ],
    ['on both streams', 'echo out; echo err >&2; exit 3', { stdout: 'out\n', stderr: 'err\n', exitCode: 3 }],
    ['on the error stream alone', 'printf err >&2; false', { stdout: '', stderr: 'err', exitCode: 1 }],
    [
      'what looks like a mark',
      "printf '\\nm+a\\n\\nm-0\\n+fence\\n-1\\n'",
      { stdout: '\nm+a\n\nm-0\n+fence\n-1\n', stderr: '', exitCode: 0 },
    ],
    ['from a script that ends by exec', 'exec printf done', { stdout: 'done', stderr: '', exitCode: 0 }],
    ['from a script that was killed', 'kill -9 $(exec sh -c "echo \\$PPID")', { stdout: '', exitCode: 137 }],
    ['under set -e', 'set -e; echo a; false; echo b', { stdout: 'a\n', stderr: '', exitCode: 1 }],
    [
      'from an exit trap',
      "trap 'echo bye' EXIT; echo hi; exit 4",
      { stdout: 'hi\nbye\n', stderr: '', exitCode: 4 },
    ],
  ])('%s', (_, code, expected) => {
    const { finished, unfinished } = run(
      [section('a', 'echo before'), section('b', code), section('c', 'echo after')],
      shell,
    );
    expect(finished.map(({ id, ...rest }) => [id, rest.stdout])).toEqual([
      ['a', 'before\n'],
      ['b', expected.stdout],
      ['c', 'after\n'],
    ]);
    expect(finished[1]).toMatchObject(expected);
    expect(unfinished).toBeNull();
  });

  it('one section cannot disturb the next', () => {
    const spoil = 'm=x; say() { :; }; c=9; set -eu; cd /; exec >/dev/null; umask 777';
    const { finished } = run([section('a', spoil), section('b', 'echo ok')], shell);
    expect(finished.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual([
      ['', 0],
      ['ok\n', 0],
    ]);
  });

  it('goes on after a failure, or not, as each section says', () => {
    const sections = [section('a', 'exit 1'), section('b', 'exit 2', 'stop'), section('c', 'echo never')];
    expect(run(sections, shell).finished.map(({ id, exitCode }) => [id, exitCode])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });
});

it('any output of any section comes back as it was', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n', '+', '-', '\t', "'", '$'), maxLength: 20 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, text, fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      (wanted) => {
        const sections = wanted.map(
          ([out, err, code], index): Section => ({
            id: `file:/x ${index}`,
            script: sh`printf %s ${out}; printf %s ${err} >&2; exit ${code}`,
            onFailure: 'continue',
          }),
        );
        expect(run(sections).finished.map((it) => [it.stdout, it.stderr, it.exitCode])).toEqual(wanted);
      },
    ),
    { numRuns: 40 },
  );
});

describe('a script that was ended', () => {
  const mark = newMark();
  const { stdout } = runShell(frame([section('a', 'echo one'), section('b', 'echo two; exit 12')], mark));

  it('anywhere: what had ended is known, what had begun is unknown', () => {
    const [begun, ended] = [stdout.indexOf(`${mark}+b\n`) + mark.length + 3, stdout.length];
    for (let at = 0; at <= stdout.length; at++) {
      const { finished, unfinished } = parseFrame(resultOf({ stdout: stdout.slice(0, at) }), mark);
      for (const it of finished)
        expect([
          ['a', 'one\n', 0],
          ['b', 'two\n', 12],
        ]).toContainEqual([it.id, it.stdout, it.exitCode]);
      if (at >= begun && at < ended) expect([unfinished, finished.map((it) => it.id)]).toEqual(['b', ['a']]);
    }
  });

  it('without a word: nothing is known', () => {
    expect(parseFrame(resultOf({}), mark)).toEqual({ finished: [], unfinished: null });
    expect(parseFrame(resultOf({ stdout: 'Welcome!\n' }), mark)).toEqual({ finished: [], unfinished: null });
  });
});

describe('a section with a time limit', () => {
  const mark = newMark();
  const outcomes = (script: ReturnType<typeof frame>) => parseFrame(resultOf(runShell(script)), mark);

  it('is ended with whatever it started, the deaf as well; what comes after it runs', () => {
    const hang = sh`( trap '' TERM; echo deaf; while :; do sleep 1; done ) & sleep 300`;
    const began = performance.now();
    const { finished } = outcomes(
      frame([{ id: 'a', script: hang, onFailure: 'continue', limit: 1 }, section('b', 'echo b')], mark),
    );
    expect(finished).toMatchObject([
      { id: 'a', stdout: 'deaf\n', stderr: expect.stringContaining('ended after 1 s'), exitCode: LATE_EXIT },
      { id: 'b', stdout: 'b\n', exitCode: 0 },
    ]);
    // runShell waits for whoever holds the output.
    expect(performance.now() - began).toBeLessThan(25_000);
  });

  it.each([0, 3, LATE_EXIT])('that ends in time with %s says just that, and is not waited for', (code) => {
    const began = performance.now();
    const { finished } = outcomes(
      frame([{ id: 'a', script: sh`echo a; exit ${code}`, onFailure: 'continue', limit: 20 }], mark),
    );
    expect(finished).toEqual([{ id: 'a', stdout: 'a\n', stderr: '', exitCode: code }]);
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});

it('a script whose reader is gone ends, and leaves nothing', () => {
  const folder = temporaryFolder();
  const sections = [section('a', 'sleep 0.3'), section('b', `: >${folder}/b`)];
  const script = frame(sections, newMark(), { stoppable: true }).text.reveal();
  runShell(`( ${script}\n) 2>/dev/null | :`, { replace: { '/run/': `${folder}/` } });
  expect(readdirSync(folder)).toEqual([]);
});

describe('an interrupt', () => {
  const replace = (folder: string) => ({ replace: { '/run/': `${folder}/` } });

  it('ends it between two sections', () => {
    const folder = temporaryFolder();
    const mark = newMark();
    const told = section('b', `${stopScript(mark).text.reveal()}; echo ends`);
    const script = frame([section('a', 'echo a'), told, section('c', 'echo c')], mark, { stoppable: true });
    const result = runShell(script, replace(folder));
    expect(parseFrame(resultOf(result), mark).finished.map((it) => it.stdout)).toEqual(['a\n', 'ends\n']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that comes too late leaves nothing', () => {
    const folder = temporaryFolder();
    const mark = newMark();
    const script = frame([section('a', 'echo a'), section('b', 'exit 3', 'stop')], mark, { stoppable: true });
    const { finished } = parseFrame(resultOf(runShell(script, replace(folder))), mark);
    expect(finished.map((it) => it.exitCode)).toEqual([0, 3]);
    expect(runShell(stopScript(mark), replace(folder)).exitCode).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.each(['dash', 'bash'])('what runs beside the sections after it, in %s', (shell) => {
  const told = section('told', 'echo "${passed:-no}"');

  it.each([
    ['succeeded', 'sleep 0.1; echo lost; exit 0', 'yes\n'],
    ['failed', 'sleep 0.1; exit 3', 'no\n'],
  ])('is waited for, and prints nothing: it %s', (_, code, expected) => {
    const mark = newMark();
    const sections = [beginsBeside(raw(code)), section('a', 'echo a'), awaitsBeside(raw('passed=yes')), told];
    const { finished } = parseFrame(resultOf(runShell(frame(sections, mark), { shell })), mark);
    expect(finished.map((it) => it.stdout)).toEqual(['a\n', expected]);
  });

  it('has ended when the script ends early', () => {
    const folder = temporaryFolder();
    const mark = newMark();
    const beside = beginsBeside(raw(`sleep 0.3; : >${folder}/done`));
    const script = frame([beside, section('a', 'exit 1', 'stop'), told], mark, { stoppable: true });
    runShell(script, { shell, replace: { '/run/': `${folder}/` } });
    expect(readdirSync(folder)).toEqual(['done']);
  });

  it('tidies up before a script ends that was told to, whatever program it is in', () => {
    const folder = temporaryFolder();
    const mark = newMark();
    const tidies = sh`( ${atTheEnd(raw(`: >${folder}/tidied`))}
timeout 1 sleep 9 )
exit $?`;
    const whole = frame([beginsBeside(tidies), section('a', 'sleep 9')], mark, { stoppable: true });
    const quoted = whole.text.reveal().replaceAll("'", "'\\''");
    // As the wrapper does it where the connection was lost: to the group, in which timeout(1) puts nothing of its own.
    const killed = `set -m; ( ${shell} -c '${quoted}' ) >/dev/null 2>&1 & sleep 0.4; kill -TERM -- -$!; wait $!; ls ${folder}`;
    const { stdout } = runShell(killed, { shell: 'bash', replace: { '/run/': `${folder}/` } });
    expect(stdout).toBe('tidied\n');
  });
});

describe('a step that fails', () => {
  it.each([
    ['stopping', `Job canceled\n${SHUTTING_DOWN}\n`],
    ['degraded', 'Job canceled\n'],
  ])('says whether the host is shutting down: %s', (state, stderr) => {
    const folder = temporaryFolder();
    const bin = temporaryFolder();
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho ${state}; exit 1\n`, { mode: 0o755 });
    const mark = newMark();
    const script = frame([section('a', 'echo Job canceled >&2; exit 1', 'stop')], mark, { stoppable: true });
    const result = runShell(script, { replace: { '/run/': `${folder}/` }, path: bin });
    expect(parseFrame(resultOf(result), mark).finished).toEqual([
      { id: 'a', stdout: '', stderr, exitCode: 1 },
    ]);
  });
});

it('no two runs have the same mark', () => {
  expect(new Set(Array.from({ length: 100 }, newMark)).size).toBe(100);
});
