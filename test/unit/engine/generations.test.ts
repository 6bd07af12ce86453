import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Command, sh } from '../../../src/base/shell.js';
import { beginScript, type KeptRun, keepScript } from '../../../src/engine/generations.js';
import { type KnownStates, NOTHING_KNOWN } from '../../../src/engine/known-states.js';
import { putBackStep, takeAwayStep } from '../../../src/resources/kept.js';
import { generationsProbe, type KeptQuery, keptProbe } from '../../../src/resources/probes/generation.js';
import { historyProbe } from '../../../src/resources/probes/history.js';
import type { Probe } from '../../../src/resources/types.js';

/** A host's files below a folder; no service manager and no package manager. */
let root: string;
const CFG = '/etc/haproxy/haproxy.cfg';
const CONF = '/etc/keepalived/keepalived.conf';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lbctl-generations-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const here = (text: string) =>
  text.replaceAll(/(?<![\w/])\/(?=etc\/|var\/lib\/lbctl|usr\/libexec)/g, `${root}/`);

function run(script: Command): { stdout: string; stderr: string; exitCode: number } {
  const { status, stdout, stderr } = spawnSync('sh', ['-s'], {
    input: here(script.text.reveal()),
    encoding: 'utf8',
  });
  return { stdout: stdout.replaceAll(`${root}/`, '/'), stderr, exitCode: status ?? -1 };
}

function ask<F>(probe: Probe<F>): F {
  const answer = probe.parse(run(probe.script));
  if (!answer.ok) throw new Error(answer.error);
  return answer.value;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(here(path)), { recursive: true });
  writeFileSync(here(path), text);
}

function keep(number: number, given: Partial<KeptRun> = {}, known: KnownStates = NOTHING_KNOWN): void {
  const kept = run(
    keepScript(
      {
        number,
        who: 'me@here',
        command: 'lbctl up',
        when: '2026-01-01T00:00:00.000Z',
        changes: [],
        ahead: false,
        ...given,
      },
      {},
      known,
    ),
  );
  expect(kept).toMatchObject({ exitCode: 0 });
}

const kept = (query: KeptQuery) => {
  const found = ask(keptProbe(query));
  return found.kind === 'kept'
    ? { folder: found.folder, files: found.files.filter((it) => it.state !== 'absent') }
    : found.kind;
};

describe('what a host keeps', () => {
  it('is nothing before the first run', () => {
    expect(ask(generationsProbe)).toEqual([]);
    expect(kept({ by: 'since', number: 3 })).toBe('none');
    expect(ask(historyProbe)).toEqual({ generations: [], now: new Map() });
  });

  it('is what was there, with who, when and what was about to change', () => {
    write(CFG, 'by hand\n');
    keep(0, { changes: ['update haproxy_config', 'create keepalived_config'] });
    expect(ask(generationsProbe)).toEqual([
      {
        folder: 0,
        number: 0,
        who: 'me@here',
        command: 'lbctl up',
        when: '2026-01-01T00:00:00.000Z',
        changes: ['update haproxy_config', 'create keepalived_config'],
        reverted: null,
      },
    ]);
    expect(statSync(here('/var/lib/lbctl/generations/0')).mode & 0o777).toBe(0o700);
  });

  it('takes the states that are known as they are, and asks for the others', () => {
    const lines = ['haproxy.LoadState=loaded', 'package.haproxy=haproxy-2.8', 'selinux=Disabled'];
    keep(0, {}, { lines, units: ['haproxy'], packages: ['haproxy'], selinux: true });
    const states = readFileSync(here('/var/lib/lbctl/generations/0/states'), 'utf8').trim().split('\n');
    expect(states).toEqual(
      expect.arrayContaining([...lines, expect.stringMatching(/^package\.keepalived=/)]),
    );
    for (const key of ['haproxy.ActiveState', 'package.haproxy', 'selinux'])
      expect(states.filter((it) => it.startsWith(`${key}=`))).toHaveLength(
        key === 'haproxy.ActiveState' ? 0 : 1,
      );
  });

  it.each([0, 3])('ahead of its turn names no change until that has come: run %i', (number) => {
    if (number > 0) keep(0);
    keep(number, { changes: ['update haproxy_config'], ahead: true });
    const changes = () => [
      ask(generationsProbe).at(-1)?.changes,
      ask(historyProbe).generations.at(-1)?.changes,
    ];
    expect(changes()).toEqual([[], []]);
    expect(run(beginScript(number))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(changes()).toEqual([['update haproxy_config'], ['update haproxy_config']]);
    expect(kept({ by: 'run', number })).toMatchObject({ files: [] });
  });

  it('is begun where its turn keeps what was kept ahead without an answer', () => {
    keep(0);
    keep(4, { changes: ['update haproxy_config'], ahead: true });
    keep(4, { changes: ['update haproxy_config'], ahead: true });
    expect(ask(generationsProbe).at(-1)?.changes).toEqual([]);
    keep(4, { changes: ['update haproxy_config'] });
    expect(ask(generationsProbe).at(-1)?.changes).toEqual(['update haproxy_config']);
  });

  it('is compared with what is there now', () => {
    write(CFG, 'one\n');
    write('/etc/sysctl.d/90-lbctl.conf', 'same\n');
    keep(0);
    write(CFG, 'two\n');
    write(CONF, 'new\n');
    expect(kept({ by: 'since', number: 0 })).toEqual({
      folder: '/var/lib/lbctl/generations/0',
      files: expect.arrayContaining([
        { path: CFG, state: 'content', now: 'two\n', kept: 'one\n' },
        { path: '/etc/sysctl.d/90-lbctl.conf', state: 'same', now: null, kept: null },
        { path: CONF, state: 'new', now: 'new\n', kept: null },
      ]),
    });
    rmSync(here(CFG));
    expect(kept({ by: 'run', number: 0 })).toMatchObject({
      files: expect.arrayContaining([{ path: CFG, state: 'gone', now: null, kept: 'one\n' }]),
    });
  });

  it('is found by the run, or as it was before a run that changed only others', () => {
    keep(0);
    for (const number of [2, 5]) {
      write(CFG, `before ${number}\n`);
      keep(number);
    }
    const folder = (query: KeptQuery) => {
      const found = kept(query);
      return typeof found === 'string' ? found : found.folder.replace(/.*\//, '');
    };
    expect([1, 2, 3, 5, 6].map((number) => folder({ by: 'since', number }))).toEqual([
      '2',
      '2',
      '5',
      '5',
      'none',
    ]);
    expect([0, 1, 2].map((number) => folder({ by: 'run', number }))).toEqual(['0', 'none', '2']);
  });

  it('of a host that joined later: nothing to go back to before its first run', () => {
    keep(7);
    expect(readdirSync(here('/var/lib/lbctl/generations'))).toEqual(['0']);
    expect(kept({ by: 'since', number: 5 })).toBe('before');
    expect(kept({ by: 'since', number: 7 })).toBe('before');
    expect(kept({ by: 'since', number: 8 })).toBe('none');
    expect(kept({ by: 'run', number: 7 })).toMatchObject({ folder: '/var/lib/lbctl/generations/0' });
  });

  it('is kept once a run, however often it is asked to', () => {
    write(CFG, 'one\n');
    keep(0);
    write(CFG, 'two\n');
    keep(0);
    expect(readFileSync(join(here('/var/lib/lbctl/generations/0'), 'files', here(CFG)), 'utf8')).toBe(
      'one\n',
    );
  });

  it('of the last ten runs of the cluster, and the first', () => {
    for (const number of [0, 1, 2, 11, 12]) keep(number);
    expect(ask(generationsProbe).map((it) => it.number)).toEqual([0, 11, 12]);
  });
});

describe('putting back', () => {
  it('makes a file what it was, with its mode, and dates it now', () => {
    write(CFG, 'one\n');
    spawnSync('chmod', ['640', here(CFG)]);
    spawnSync('touch', ['-d', '2001-01-01', here(CFG)]);
    keep(0);
    write(CFG, 'two\n');
    const step = putBackStep('/var/lib/lbctl/generations/0', CFG);
    expect(run(step.script)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(here(CFG), 'utf8')).toBe('one\n');
    expect(statSync(here(CFG)).mode & 0o777).toBe(0o640);
    expect(Date.now() - statSync(here(CFG)).mtimeMs).toBeLessThan(60_000);
    expect(readdirSync(here('/etc/haproxy'))).toEqual(['haproxy.cfg']);
  });

  it('leaves the file alone that its check refuses, and nothing beside it', () => {
    write(CFG, 'one\n');
    keep(0);
    write(CFG, 'two\n');
    const step = putBackStep('/var/lib/lbctl/generations/0', CFG, sh`grep -q two "$candidate"`);
    expect(run(step.script).exitCode).not.toBe(0);
    expect(readFileSync(here(CFG), 'utf8')).toBe('two\n');
    expect(readdirSync(here('/etc/haproxy'))).toEqual(['haproxy.cfg']);
  });

  it('takes a file away that was not there, and the folder of a drop-in with it', () => {
    const dropIn = '/etc/systemd/system/haproxy.service.d/lbctl.conf';
    write(dropIn, '[Service]\n');
    expect(run(takeAwayStep(dropIn).script).exitCode).toBe(0);
    expect(existsSync(dirname(here(dropIn)))).toBe(false);
  });
});

describe('history', () => {
  it('has every text before each run, and now', () => {
    write(CFG, 'one\n');
    keep(0);
    write(CFG, 'two\n');
    keep(1);
    rmSync(here(CFG));
    const { generations, now } = ask(historyProbe);
    expect(generations.map((it) => it.files.get(CFG))).toEqual(['one\n', 'two\n']);
    expect(generations[0]?.files.get(CONF)).toBeNull();
    expect(now.get(CFG)).toBeNull();
  });
});
