import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Command, raw, sh } from '../../../src/base/shell.js';
import { armScript, disarmScript, UNDONE_EXIT } from '../../../src/engine/dead-man.js';
import { acquireScript, LOCKED_EXIT, ownedScript, releaseScript, STEP } from '../../../src/engine/lock.js';
import { armChangeScript, revertedScript } from '../../../src/engine/revert.js';
import { FLIP_MARK, HAPROXY_CFG, KEEPALIVED_CONF } from '../../../src/render/platform.js';
import { runShell, temporaryFolder } from '../support/shell.js';

/** A host's files below a folder, with a systemctl and a systemd-run that write down what they were asked. */
let root: string;
let bin: string;

const at = (path: string) => join(root, path);
const here = (text: string) =>
  // What the host runs by itself sets its own PATH.
  text
    .replaceAll('PATH=/usr/local/sbin:', `PATH=${bin}:/usr/local/sbin:`)
    .replaceAll(/(?<![\w/])\/(?=etc\/|var\/lib\/lbctl|usr\/libexec|run\/lbctl)/g, `${root}/`);
const run = (script: Command | string) =>
  runShell(here(typeof script === 'string' ? script : script.text.reveal()), { path: bin });
const asked = () => (existsSync(at('asked')) ? readFileSync(at('asked'), 'utf8').trim().split('\n') : []);

function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

/** A unit counts as active while its name stands in that file. */
function activate(...units: string[]): void {
  writeFileSync(at('active'), `${units.join('\n')}\n`);
}

beforeEach(() => {
  root = temporaryFolder();
  bin = join(root, 'bin');
  mkdirSync(bin);
  activate('haproxy', 'keepalived');
  program(
    'systemctl',
    `echo "systemctl $*" >>${root}/asked
case $1 in
  is-active) shift; for u in "$@"; do grep -qxF -e "$u" ${root}/active && exit 0; done; exit 3 ;;
esac
exit 0`,
  );
  program('systemd-run', `echo "systemd-run there: $(ls ${root}/run/lbctl | tr '\\n' ' ')" >>${root}/asked`);
  program('logger', 'exit 0');
});

const FOLDER = '/run/lbctl';
const FILE = `${FOLDER}/undo-change`;
const arm = (owner: string, undo = raw(':')) => armScript({ name: 'change', owner, seconds: 45, undo });

describe('arming', () => {
  it('has the timer before the file: a file that no timer looks at cannot be', () => {
    expect(run(arm('aaaa')).exitCode).toBe(0);
    expect(asked().at(-1)?.trim()).toBe('systemd-run there:');
    expect(readdirSync(at(FOLDER))).toEqual(['undo-change']);
  });

  it('the timer alone tidies up after a script that was killed before the file was there', () => {
    program('systemd-run', `shift 5; for w in "$@"; do last=$w; done; printf %s "$last" >${root}/begin`);
    run(arm('aaaa'));
    write(`${FILE}.new`, '');
    write(`${FILE}.off`, '');
    writeFileSync(at(FILE), `: >${root}/ran`);
    const begin = readFileSync(at('begin'), 'utf8');
    expect(run(begin).exitCode).toBe(0);
    expect(existsSync(at('ran'))).toBe(true);
    expect(readdirSync(at(FOLDER))).toEqual(['undo-change']);
    run(`rm ${FILE}`);
    expect(run(begin)).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  });

  it('ends the one before it, its service as well, before its own file is there', () => {
    write(FILE, '# owner=bbbb\n');
    // systemd takes no name twice.
    program('systemd-run', `grep -q 'systemctl stop' ${root}/asked || exit 1`);
    expect(run(arm('aaaa'))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(asked()).toContain('systemctl stop lbctl-undo-change.timer lbctl-undo-change.service');
    expect(readFileSync(at(FILE), 'utf8')).toContain('# owner=aaaa');
  });

  it('is refused while the host undoes an earlier change, which is left alone', () => {
    write(`${FILE}.running`, '# owner=bbbb\n');
    activate('lbctl-undo-change.service');
    const { exitCode, stderr } = run(arm('aaaa'));
    expect([exitCode, stderr]).toEqual([1, 'the host is undoing an earlier change by itself\n']);
    expect(asked().filter((it) => it.startsWith('systemctl stop'))).toEqual([]);
    expect(readdirSync(at(FOLDER))).toEqual(['undo-change.running']);
  });

  it('takes no owner that is more than a word', () => {
    expect(() => arm('a\nrm -rf x')).toThrow(/no owner/);
  });
});

describe('disarming', () => {
  const ann = { token: 'aaaa', who: 'ann', command: 'lbctl up', since: 'now' };
  const disarm = (owner: string) =>
    disarmScript({ name: 'change', owner, undone: raw('false'), lost: ownedScript(owner) });

  it('takes its own switch away', () => {
    run(arm('aaaa'));
    expect(run(disarm('aaaa')).exitCode).toBe(0);
    expect(existsSync(at(FOLDER))).toBe(false);
  });

  it('is not ended half way, when the connection is lost meanwhile', () => {
    run(arm('aaaa'));
    program('systemctl', `[ "$1" != stop ] || kill -TERM $PPID`);
    expect(run(disarm('aaaa')).exitCode).toBe(0);
    expect(existsSync(at(FOLDER))).toBe(false);
  });

  it('leaves the switch of whoever has the lock now, and says whose that is', () => {
    run(acquireScript({ ...ann, token: 'bbbb', who: 'bob' }));
    run(arm('bbbb'));
    const { exitCode, stderr } = run(disarm('aaaa'));
    expect([exitCode, stderr]).toEqual([LOCKED_EXIT, expect.stringContaining('bob has it')]);
    expect(readFileSync(at(FILE), 'utf8')).toContain('# owner=bbbb');
  });

  it('is too late for a switch that is at work, unless it is somebody else’s', () => {
    run(acquireScript(ann));
    write(`${FILE}.running`, '# owner=aaaa\n');
    expect(run(disarm('aaaa')).exitCode).toBe(UNDONE_EXIT);
    write(`${FILE}.running`, '# owner=bbbb\n');
    expect(run(disarm('aaaa')).exitCode).toBe(0);
  });
});

describe('who takes the lock', () => {
  const ann = { token: 'aaaa', who: 'ann', command: 'lbctl up', since: 'now' };

  it('removes what killed scripts have left, and nothing else', () => {
    for (const path of ['/var/lib/lbctl/generations/.new.4/run', '/var/lib/lbctl/generations/2/states'])
      write(path, '');
    for (const path of [`${HAPROXY_CFG}.lbctl-new`, `${KEEPALIVED_CONF}.lbctl-kept`, KEEPALIVED_CONF])
      write(path, '');
    for (const file of ['undo-change', 'undo-drill.new', 'haproxy.runs']) write(`${FOLDER}/${file}`, '');
    write('/var/lib/lbctl/generations/3/run', 'number=3\n');
    activate('lbctl-undo-drill.timer');
    expect(run(acquireScript(ann))).toMatchObject({ stderr: '', exitCode: 0 });
    expect(readdirSync(at('/var/lib/lbctl/generations'))).toEqual(['3']);
    expect(readdirSync(at('/etc/keepalived'))).toEqual(['keepalived.conf']);
    expect(readdirSync(at('/etc/haproxy'))).toEqual([]);
    expect(readdirSync(at(FOLDER)).sort()).toEqual(['haproxy.runs', 'undo-drill.new']);
  });

  it.each([
    ['runs, since it was never stopped', ['keepalived'], false],
    ['waits', [], true],
  ])('leaves the mark of a standby whose keepalived %s: %s', (_, active, left) => {
    write(FLIP_MARK, '');
    activate(...active);
    run(acquireScript(ann));
    expect(existsSync(at(FLIP_MARK))).toBe(left);
    write(FLIP_MARK, '');
    run(releaseScript(ann.token));
    expect(existsSync(at(FLIP_MARK))).toBe(left);
  });

  it('does its last deed with the release, and only while the lock is its own', () => {
    const deed = sh`: >${at('deed')}; exit 3`;
    run(acquireScript({ ...ann, token: 'bbbb' }));
    expect(run(releaseScript('aaaa', deed)).exitCode).toBe(0);
    expect(existsSync(at('deed'))).toBe(false);
    expect(run(releaseScript('bbbb', deed)).exitCode).toBe(0);
    expect([existsSync(at('deed')), existsSync(at('/var/lib/lbctl/lock'))]).toEqual([true, false]);
  });
});

describe('a host whose operator is gone', () => {
  const ann = { token: 'aaaa', who: 'ann', command: 'lbctl up', since: 'now' };
  const change = { token: 'aaaa', number: 4, after: 0 };

  beforeEach(() => {
    run(acquireScript(ann));
    write('/var/lib/lbctl/generations/4/run', 'number=4\n');
    write(
      '/var/lib/lbctl/generations/4/states',
      'haproxy.ActiveState=active\nkeepalived.ActiveState=active\n',
    );
    write('/var/lib/lbctl/generations/4/missing', '');
    write(`/var/lib/lbctl/generations/4/files${at(HAPROXY_CFG)}`, 'kept\n');
    write(HAPROXY_CFG, 'new\n');
    expect(run(armChangeScript(['haproxy'], change)).exitCode).toBe(0);
  });
  const goBack = () => run(`sh ${FILE}`);
  const kept = () => readFileSync(at('/var/lib/lbctl/generations/4/run'), 'utf8');

  it('goes back, reloads, and gives the lock back', () => {
    expect(goBack()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('went back') });
    expect(readFileSync(at(HAPROXY_CFG), 'utf8')).toBe('kept\n');
    expect(asked()).toContain('systemctl reload haproxy');
    expect(kept()).toMatch(/^reverted=/m);
    expect(run(revertedScript(4)).exitCode).toBe(0);
    expect([existsSync(at(FOLDER)), existsSync(at('/var/lib/lbctl/lock'))]).toEqual([false, false]);
  });

  it('says so where a file cannot be put back: it does not count as gone back, and nothing is reloaded', () => {
    program('cp', 'echo "No space left" >&2; exit 1');
    const { exitCode, stdout } = goBack();
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain(`could not go back to what was kept before run 4: ${at(HAPROXY_CFG)}`);
    expect(readFileSync(at(HAPROXY_CFG), 'utf8')).toBe('new\n');
    expect(readdirSync(at('/etc/haproxy'))).toEqual(['haproxy.cfg']);
    expect(asked()).not.toContain('systemctl reload haproxy');
    expect(kept()).not.toMatch(/^reverted=/m);
    // Whoever comes to confirm it hears that it is too late.
    expect(run(revertedScript(4)).exitCode).toBe(0);
    expect(existsSync(at('/var/lib/lbctl/lock'))).toBe(false);
  });

  it.each([
    ['undoes nothing where the turn for which it was armed has not come', false],
    ['goes back where that has come', true],
  ])('%s', (_, begun) => {
    write('/var/lib/lbctl/generations/4/run', 'number=4\nwaits=yes\n');
    if (begun) write('/var/lib/lbctl/generations/4/begun', 'begun=yes\n');
    const { exitCode, stdout } = goBack();
    expect([exitCode, stdout.includes('nothing was changed by that run')]).toEqual([0, !begun]);
    expect(readFileSync(at(HAPROXY_CFG), 'utf8')).toBe(begun ? 'kept\n' : 'new\n');
    expect(asked().includes('systemctl reload haproxy')).toBe(begun);
    expect(/^reverted=/m.test(kept())).toBe(begun);
    // The lock of a run that may be alive elsewhere stays.
    expect([existsSync(at(FOLDER)), existsSync(at('/var/lib/lbctl/lock'))]).toEqual([false, !begun]);
  });

  it('waits for a step that is still running there', () => {
    const { stdout } = run(`flock -s ${STEP} sh -c 'sleep 1.5; echo step ended' &
sleep 0.3; sh ${FILE}; wait`);
    expect(stdout).toMatch(/^step ended\n.*went back/);
  });

  it('lets nobody take the lock meanwhile, however long it takes', () => {
    program(
      'systemctl',
      `[ "$1" != reload ] || { sed -i 's/^renewed=.*/renewed=-500/' ${root}/var/lib/lbctl/lock; sleep 3; }
[ "$1" != is-active ] || exit 0`,
    );
    const bob = here(acquireScript({ ...ann, token: 'bbbb', who: 'bob' }).text.reveal());
    const { stdout } = run(`sh ${FILE} & sleep 0.7; ( ${bob}\n); echo "bob $?"; wait`);
    expect(stdout).toContain(`who=the host itself`);
    expect(stdout).toContain(`bob ${LOCKED_EXIT}`);
  }, 15_000);

  it('leaves everything to whoever has the lock by now', () => {
    activate('lbctl-undo-change.timer');
    run(releaseScript('aaaa'));
    run(acquireScript({ ...ann, token: 'bbbb' }));
    expect(goBack().stdout).toContain('not reverted');
    expect(readFileSync(at(HAPROXY_CFG), 'utf8')).toBe('new\n');
  });
});
