import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { handlerStep } from '../../../src/resources/handlers.js';
import { clusterOf } from '../support/model.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const CFG = '/etc/haproxy/haproxy.cfg';
const about = 'ignore_errors=no ; pid=7691 ; code=exited ; status=0 }';
const CHECK = `ExecReload={ path=/usr/sbin/haproxy ; argv[]=/usr/sbin/haproxy -Ws -f $CONFIG -c -q $EXTRAOPTS ; ${about}`;
const SIGNAL = `ExecReload={ path=/bin/kill ; argv[]=/bin/kill -USR2 $MAINPID ; ${about}`;
const CONFDIR =
  'Environment=CONFIG=/etc/haproxy/haproxy.cfg PIDFILE=/run/haproxy.pid CFGDIR=/etc/haproxy/conf.d';
const DEBIAN = ['-Ws', '-f', CFG, '-p', '/run/haproxy.pid', '-S', '/run/haproxy-master.sock'];

/** A process that goes by these arguments and that name, with children that come and go, and notes the signal. */
function master(folder: string, args: readonly string[], name = 'sh'): number {
  const program = join(folder, name);
  symlinkSync('/bin/sh', program);
  const script = `trap 'echo signal >>${folder}/done' USR2; : >${folder}/ready; while :; do sleep 0.02; done`;
  const child = spawn(program, ['-c', script, 'haproxy', ...args], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  for (let tries = 0; !existsSync(join(folder, 'ready')) && tries < 200; tries++)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  return child.pid ?? 0;
}

function program(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** How HAProxy was told: by `systemctl`, by `signal`, or both. */
function reload(given: {
  checked: boolean;
  unit: readonly string[];
  args: readonly string[];
  state?: string;
  /** What the process is called whose unit the plan has seen; none: the plan has not. */
  seen?: string;
}) {
  const folder = temporaryFolder();
  const pid = master(folder, given.args, given.seen);
  const { state = 'active' } = given;
  const unit = [`MainPID=${pid}`, `ActiveState=${state}`, ...given.unit].join('\n');
  writeFileSync(join(folder, 'unit'), `${unit}\n`);
  program(
    folder,
    'systemctl',
    `case $1 in show) echo asked >>${folder}/done; cat ${folder}/unit ;; reload) echo systemctl >>${folder}/done ;; esac`,
  );
  // HAProxy's answer comes from a process that was not there before.
  program(folder, 'timeout', `case $1 in -k) shift 3; exec "$@" ;; *) echo 'pid = </b> 999999999' ;; esac`);
  const step = handlerStep('reload haproxy', clusterOf(), {
    checked: given.checked,
    bound: true,
    ...(given.seen === undefined ? {} : { unit }),
  });
  const { exitCode } = runShell(step.script, { path: folder });
  expect(exitCode).toBe(0);
  // The shell runs its trap when its own child has ended.
  for (let tries = 0; !existsSync(join(folder, 'done')) && tries < 200; tries++)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  return readFileSync(join(folder, 'done'), 'utf8').trim().split('\n').join(' ');
}

describe('a reload of HAProxy', () => {
  it.each([
    ['whose file was just checked is a signal', [CHECK, SIGNAL], DEBIAN],
    ["with EL's second folder", [CONFDIR, CHECK, SIGNAL], ['-Ws', '-f', CFG, '-f', '/etc/haproxy/conf.d']],
    ['after another one', [CHECK, SIGNAL], ['-sf', '12', '-x', '/run/haproxy.sock', ...DEBIAN]],
  ])('%s', (_, unit, args) => {
    expect(reload({ checked: true, unit, args })).toBe('asked signal');
  });

  it('goes by what the plan has seen of the unit, for as long as its process runs', () => {
    const usual = { checked: true, unit: [CHECK, SIGNAL], args: DEBIAN };
    expect(reload({ ...usual, seen: 'haproxy' })).toBe('signal');
    expect(reload({ ...usual, seen: 'another' })).toBe('asked signal');
    expect(reload({ ...usual, unit: [SIGNAL], seen: 'haproxy' })).toBe('systemctl');
  });

  it.each([
    ['a file that nobody checked', { checked: false }],
    ['another file besides', { args: [...DEBIAN, '-f', '/etc/haproxy/extra.cfg'] }],
    ['files after a double dash', { args: [...DEBIAN, '--', '/etc/haproxy/extra.cfg'] }],
    ['paths that count from another folder', { args: ['-C', '/srv', ...DEBIAN] }],
    ['a folder that the unit does not name', { args: ['-f', CFG, '-f', '/etc/haproxy/conf.d'] }],
    ['a unit that does something else as well', { unit: [CHECK, SIGNAL, SIGNAL.replace('kill', 'logger')] }],
    ['a unit that signals alone', { unit: [SIGNAL] }],
    ['a unit that sends another signal', { unit: [CHECK, SIGNAL.replace('USR2', 'HUP')] }],
    ['a unit that checks with another program', { unit: [CHECK.replaceAll('haproxy ', 'lint '), SIGNAL] }],
    ['a unit without ExecReload', { unit: [] }],
    ['a service that is being stopped', { state: 'deactivating' }],
  ])("is systemd's with %s", (_, odd) => {
    const usual = { checked: true, unit: [CHECK, SIGNAL], args: DEBIAN };
    expect(reload({ ...usual, ...odd })).toBe('asked systemctl');
  });
});
