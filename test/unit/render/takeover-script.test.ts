import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TRACK_FILES } from '../../../src/render/platform.js';
import { renderTakeoverScript } from '../../../src/render/takeover-script.js';
import { clusterOf } from '../support/model.js';
import { temporaryFolder } from '../support/shell.js';

/**
 * The script with folders of its own and a clock that the test sets. No program is there but these: what a crash waits for, a
 * client waits for.
 */
function host(shell: readonly string[]) {
  const folder = temporaryFolder();
  const [run, bin] = [join(folder, 'run'), join(folder, 'bin')];
  for (const it of [run, bin]) mkdirSync(it);
  const tools = ['ip', 'systemctl', 'sleep'];
  for (const tool of tools) {
    writeFileSync(join(bin, tool), `#!/bin/sh\necho "${tool} $*" >>${folder}/called\n`);
    chmodSync(join(bin, tool), 0o755);
  }
  symlinkSync('/bin/mkdir', join(bin, 'mkdir'));
  const script = join(folder, 'script');
  const down = join(run, 'down');
  const text = renderTakeoverScript(clusterOf())
    .replaceAll(TRACK_FILES.down.path, down)
    .replaceAll(TRACK_FILES.switchover.path, join(run, 'switchover'))
    .replaceAll('/run/lbctl', join(run, 'lbctl'))
    .replaceAll('/proc/uptime', join(folder, 'uptime'))
    .replace(/^PATH=.*/m, `PATH=${bin}`);
  writeFileSync(script, text);
  writeFileSync(join(folder, 'called'), '');
  return {
    at: (uptime: number, event: string, ended = 'success') => {
      writeFileSync(join(folder, 'uptime'), `${uptime}.25 99.0\n`);
      const env = { SERVICE_RESULT: ended, PATH: process.env.PATH };
      const [program = 'sh', ...flags] = shell;
      const result = spawnSync(program, [...flags, script, ...event.split(' ')], { env, encoding: 'utf8' });
      expect(result.stderr).toBe('');
      expect(result.status).toBe(0);
    },
    mark: () => readFileSync(down, 'utf8').trim(),
    called: () => readFileSync(join(folder, 'called'), 'utf8').trim().split('\n').filter(Boolean),
  };
}

/** HAProxy dies at that time, and systemd starts it again. */
function crash(on: ReturnType<typeof host>, uptime: number): string {
  on.at(uptime, 'haproxy stop-post', 'signal');
  const mark = on.mark();
  on.at(uptime, 'haproxy start-pre');
  on.at(uptime, 'haproxy start-post');
  return mark;
}

describe.each([
  ['dash', ['dash']],
  ['bash', ['bash', '--posix']],
  ['busybox', ['busybox', 'sh']],
])('what systemd calls when HAProxy dies, in %s', (_, shell) => {
  const up = () => {
    const on = host(shell);
    on.at(100, 'keepalived start-pre');
    on.at(100, 'haproxy start-pre');
    on.at(100, 'haproxy start-post');
    return on;
  };

  it('one crash moves nothing, however often with time between', () => {
    const on = up();
    expect([200, 206, 216, 222, 300].map((time) => crash(on, time))).toEqual(['0', '0', '0', '0', '0']);
  });

  it('a second one within 5 s gives the addresses away until it is back', () => {
    const on = up();
    expect([200, 205].map((time) => crash(on, time))).toEqual(['0', '1']);
    expect(on.mark()).toBe('0');
  });

  it('so does a third one within 15 s, and it is not trusted with them at once', () => {
    const on = up();
    expect([200, 207].map((time) => crash(on, time))).toEqual(['0', '0']);
    expect(on.called().filter((it) => it.startsWith('sleep'))).toEqual([]);
    expect(crash(on, 214)).toBe('1');
    expect(on.called().filter((it) => it.startsWith('sleep'))).toEqual(['sleep 5']);
  });

  it('a start that fails is tried again at once, then a second later each time, and is no crash', () => {
    const on = up();
    const starts = [200, 201, 202].map((time) => {
      on.at(time, 'haproxy start-pre');
      on.at(time, 'haproxy stop-post', 'exit-code');
      return on.called().filter((it) => it.startsWith('sleep')).length;
    });
    expect(starts).toEqual([0, 1, 2]);
    expect(on.mark()).toBe('1');
    on.at(203, 'haproxy start-post');
    expect(on.mark()).toBe('0');
    expect(crash(on, 204)).toBe('0');
  });
});
