import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { atTheEnd, type Command, raw, sh } from '../../../src/base/shell.js';
import { Text } from '../../../src/base/text.js';
import { armScript } from '../../../src/engine/dead-man.js';
import { keepScript } from '../../../src/engine/generations.js';
import { leaveScript } from '../../../src/engine/move-scripts.js';
import { KEEPALIVED_CONF } from '../../../src/render/platform.js';
import { putBackStep } from '../../../src/resources/kept.js';
import { writeStep } from '../../../src/resources/managed-file.js';
import { takeOverStep } from '../../../src/resources/take-over.js';
import { endedInTheMiddle } from '../support/ended.js';
import { clusterOf } from '../support/model.js';
import { runShell, temporaryFolder } from '../support/shell.js';

/** A host's files below a folder. Programs that are put into `bin` take the places of the host's. */
let root: string;
let bin: string;

beforeEach(() => {
  root = temporaryFolder();
  bin = join(root, 'bin');
  mkdirSync(bin);
});

const at = (path: string) => join(root, path);
const here = (script: Command) =>
  script.text.reveal().replaceAll(/(?<![\w/])\/(?=etc\/|var\/lib\/lbctl|usr\/libexec|run\/)/g, `${root}/`);

function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

/** A program that says that it runs, and takes its time. */
function slow(name: string): () => boolean {
  program(name, `: >${at('there')}; exec sleep 20`);
  return () => existsSync(at('there'));
}

function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

const end = (script: Command, isThere: () => boolean) =>
  endedInTheMiddle(here(script), isThere, { path: bin });

describe('a script whose connection is lost in its middle leaves nothing behind', () => {
  it.each([1, 2, 3])('what it does at its end is done, however it ends (%i)', async () => {
    const there = slow('work');
    await end(
      sh`${atTheEnd(sh`sleep 0.1; : >${at('tidy')}`)}
work
echo 'never said'`,
      there,
    );
    expect(existsSync(at('tidy'))).toBe(true);
  });

  it('also where that comes just as it ends by itself', () => {
    const ending = sh`${atTheEnd(sh`rm -f "$there"`)}
: >"$there"
n=0
while [ $n -lt 2000 ]; do n=$((n + 1)); done`;
    // The signals come later the next time where they came before its end, and sooner where they came after it.
    const driver = sh`there=${at('there')}
export there
left=0
try=0
until=1000
while [ $try -lt 300 ]; do
  try=$((try + 1))
  sh -c ${ending.text} 2>/dev/null & job=$!
  n=0
  while [ $n -lt $until ]; do n=$((n + 1)); done
  { kill -TERM $job; kill -TERM $job; wait $job; } 2>/dev/null
  if [ $? = 0 ]; then until=$((until * 96 / 100)); else until=$((until * 105 / 100 + 1)); fi
  [ ! -e "$there" ] || left=$((left + 1))
  rm -f "$there"
done
echo "$left left"`;
    expect(runShell(driver).stdout).toBe('0 left\n');
  });

  it('a file that is being checked', async () => {
    write(KEEPALIVED_CONF, 'old\n');
    const file = {
      path: KEEPALIVED_CONF,
      content: Text.of('new\n'),
      mode: '0600',
      owner: 'root',
      group: 'root',
    };
    const there = slow('check');
    await end(writeStep({ ...file, resource: 'x', title: 'x', validate: raw('check') }).script, there);
    expect(readdirSync(dirname(at(KEEPALIVED_CONF)))).toEqual(['keepalived.conf']);
    expect(readFileSync(at(KEEPALIVED_CONF), 'utf8')).toBe('old\n');
  });

  it('a file that is being put back', async () => {
    write(KEEPALIVED_CONF, 'now\n');
    write(`/var/lib/lbctl/generations/3/files${at(KEEPALIVED_CONF)}`, 'kept\n');
    const there = slow('look');
    await end(putBackStep('/var/lib/lbctl/generations/3', KEEPALIVED_CONF, raw('look')).script, there);
    expect(readdirSync(dirname(at(KEEPALIVED_CONF)))).toEqual(['keepalived.conf']);
    expect(readFileSync(at(KEEPALIVED_CONF), 'utf8')).toBe('now\n');
  });

  it('copies that are being made', async () => {
    write(KEEPALIVED_CONF, 'now\n');
    const there = slow('systemctl');
    const run = { number: 4, who: 'me@here', command: 'lbctl up', when: 'now', changes: [], ahead: false };
    await end(keepScript(run), there);
    expect(readdirSync(at('/var/lib/lbctl/generations'))).toEqual([]);
  });

  it('an old generation that is being removed: it is there whole, or not at all', async () => {
    for (const number of [0, 4, 9]) {
      write(`/var/lib/lbctl/generations/${number}/run`, `number=${number}\n`);
      write(`/var/lib/lbctl/generations/${number}/states`, '');
      write(`/var/lib/lbctl/generations/${number}/missing`, '');
    }
    program('systemctl', 'exit 0');
    // Stops for a while with half of the folder gone.
    program(
      'rm',
      `for last in "$@"; do :; done
if [ -e "$last/run" ] && mkdir ${at('once')} 2>/dev/null; then /bin/rm "$last/run"; : >${at('there')}; exec sleep 20; fi
exec /bin/rm "$@"`,
    );
    const run = { number: 14, who: 'me@here', command: 'lbctl up', when: 'now', changes: [], ahead: false };
    await end(keepScript(run), () => existsSync(at('there')));
    expect(readdirSync(at('/var/lib/lbctl/generations')).sort()).toEqual(['0', '14', '9']);
  });

  it.each(['reset-failed', 'systemd-run'])('a switch that is being armed, at %s', async (where) => {
    program(
      'systemctl',
      `echo "$@" >>${at('asked')}; [ "$1" != ${where} ] || { : >${at('there')}; exec sleep 20; }`,
    );
    const there = where === 'systemd-run' ? slow('systemd-run') : () => existsSync(at('there'));
    await end(armScript({ name: 'change', owner: 'aaaa', seconds: 45, undo: raw(':') }), there);
    expect(readdirSync(at('/run/lbctl'))).toEqual([]);
    expect(readFileSync(at('asked'), 'utf8').trim().split('\n').at(-1)).toBe('stop lbctl-undo-change.timer');
  });

  it("a keepalived.conf that only takes the addresses over: the file is back, and dated after the process's start", async () => {
    write(KEEPALIVED_CONF, '    state BACKUP\n    priority 250\n');
    const before = new Date('2001-01-01');
    utimesSync(at(KEEPALIVED_CONF), before, before);
    let seen = '';
    const there = slow('systemctl');
    await end(takeOverStep(clusterOf()).script, () => {
      if (!there()) return false;
      seen = readFileSync(at(KEEPALIVED_CONF), 'utf8');
      return true;
    });
    expect(seen).toContain('priority 255');
    expect(readFileSync(at(KEEPALIVED_CONF), 'utf8')).toContain('priority 250');
    expect(readdirSync(dirname(at(KEEPALIVED_CONF)))).toEqual(['keepalived.conf']);
    expect(Date.now() - statSync(at(KEEPALIVED_CONF)).mtimeMs).toBeLessThan(60_000);
  });

  it.each<[what: string, held: boolean, ends: string, preempt: boolean, mark: string]>([
    ['while clients are drained', true, 'drain', true, '0'],
    ['while the addresses still are there, without preemption', true, 'linger', false, '0'],
    ['when they have left, without preemption', false, 'linger', false, '-11'],
  ])('a switchover, %s: no drain and no FAULT stays', async (_, held, ends, preempt, mark) => {
    const cluster = clusterOf([
      'virtual_ipaddress: [10.0.0.100/24]',
      `preempt: ${preempt}\n        virtual_ipaddress: [10.0.0.100/24]`,
    ]);
    const file = '/run/keepalived.lbctl-switchover';
    write(file, '0\n');
    write(KEEPALIVED_CONF, `file "${at(file)}"\n`);
    write('/var/lib/lbctl/lock', 'token=aaaa\n');
    writeFileSync(at('held'), '');
    program(
      'ip',
      `case "$*" in
  *lo*) exit 0 ;;
  *show*) [ ! -e ${at('held')} ] || echo '2: eth0 inet 10.0.0.100/24 scope global' ;;
esac`,
    );
    program(
      'python3',
      `case "$4" in
  'show acl') echo "0 () acl 'str' file" ;;
  'show acl #0') echo lbctl_drain_off ;;
  *) echo "$4" >>${at('drained')} ;;
esac`,
    );
    // A host that takes its time at that point: long enough to be ended there.
    program('sleep', `[ "$1" = ${ends === 'drain' ? '1.5' : '0.05'} ] && exec /bin/sleep 20; exit 0`);
    const isThere = () => {
      if (ends === 'drain') return existsSync(at('drained'));
      if (readFileSync(at(file), 'utf8') !== '-254\n') return false;
      if (!held) rmSync(at('held'), { force: true });
      return true;
    };
    await end(leaveScript(cluster, 'aaaa', -11), isThere);
    expect(readFileSync(at('drained'), 'utf8').trim().split('\n').at(-1)).toMatch(/^del acl #0/);
    expect(readFileSync(at(file), 'utf8')).toBe(`${mark}\n`);
  });
});
