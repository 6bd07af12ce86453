import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { failure } from '../../../src/transport/failures.js';
import { up } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { runShell, temporaryFolder } from '../support/shell.js';
import { SimulatedPair } from '../support/simulated-pair.js';

/** A pair that serves, whose HAProxy configuration has drifted on both hosts; lb1 holds the address. */
async function drifted(): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf());
  expect((await up(pair)).result.exit).toBe(0);
  for (const host of pair.hosts.values()) {
    const file = host.files.get('/etc/haproxy/haproxy.cfg');
    if (file !== undefined) file.content += '# by hand\n';
  }
  pair.asked.length = 0;
  return pair;
}

/** The standby's changes take longer than what the active host does ahead, as on real hosts. */
function slowStandby(pair: SimulatedPair): void {
  let tell = () => {};
  const ahead = new Promise<void>((resolve) => {
    tell = resolve;
  });
  pair.pause = (host, ids) => {
    const steps = ids.some((id) => id.startsWith('step '));
    if (host.host.name === 'lb1' && ids.includes('keep')) setImmediate(tell);
    return host.host.name === 'lb2' && steps ? ahead : undefined;
  };
}

/** What each script that prepared or changed something did: `lb1 keep+arm+check`, `lb2 keep+arm+step`. */
const worked = (pair: SimulatedPair) =>
  pair.asked.flatMap(({ host, ids }) => {
    const did = ['keep', 'arm', 'check', 'step'].filter((word) =>
      ids.some((id) => id.split(' ')[0] === word),
    );
    return did.length === 0 ? [] : [`${host} ${did.join('+')}`];
  });

it('what is on the active host is kept and its switch armed before it is its turn, and not again', async () => {
  const pair = await drifted();
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  const done = worked(pair);
  expect([...done].sort()).toEqual(['lb1 arm+step', 'lb1 keep+arm+check', 'lb2 keep+arm+step']);
  expect(done.indexOf('lb1 keep+arm+check')).toBeLessThan(done.indexOf('lb1 arm+step'));
});

it('what the active host has checked while the standby changed it does not check again', async () => {
  const pair = await drifted();
  const checks: string[] = [];
  pair.mishap = (host, script, ids) => {
    const steps = ids.some((id) => id.startsWith('step '));
    const validates = script.includes('haproxy "$@"');
    checks.push(...(validates ? [`${host.host.name} ${steps ? 'with its step' : 'ahead'}`] : []));
    return undefined;
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  expect(checks.sort()).toEqual(['lb1 ahead', 'lb2 with its step']);
});

it('a check that was made long ago is made again', async () => {
  const pair = await drifted();
  const now = vi.spyOn(Date, 'now');
  onTestFinished(() => now.mockRestore());
  const real = Date.now();
  slowStandby(pair);
  let later = 0;
  now.mockImplementation(() => real + later);
  const inTurn: boolean[] = [];
  pair.mishap = (host, script, ids) => {
    const steps = ids.some((id) => id.startsWith('step '));
    if (host.host.name === 'lb2' && steps) later = 61_000;
    if (host.host.name === 'lb1' && steps) inTurn.push(script.includes('haproxy "$@"'));
    return undefined;
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  expect(inTurn).toEqual([true]);
});

it('what it did not accept then it is asked again in its turn, and that says why', async () => {
  const pair = await drifted();
  pair.host('lb1').odd.set('check', { exitCode: 1, stderr: 'unknown keyword' });
  const inTurn: boolean[] = [];
  pair.mishap = (host, script, ids) => {
    if (host.host.name === 'lb1' && ids.some((id) => id.startsWith('step ')))
      inTurn.push(script.includes('haproxy "$@"'));
    return undefined;
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  expect(inTurn).toEqual([true]);
});

it('the standby checks its file beside its copies, and leaves the check out of its step where it passed', async () => {
  const pair = await drifted();
  const scripts: string[] = [];
  pair.mishap = (host, script, ids) => {
    if (host.host.name === 'lb2' && ids.some((id) => id.startsWith('step '))) scripts.push(script);
    return undefined;
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  const [script = ''] = scripts;
  const places = [
    ...['& lbctl_beside=$!', "say '+fence'", "say '+keep'", '! wait "$lbctl_beside" ||', "say '+step 0 0'"],
  ].map((it) => script.indexOf(it.replaceAll("'+fence'", '+fence').replaceAll("'+keep'", '+keep')));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);
});

it('only what comes first of all is checked ahead', async () => {
  const pair = await drifted();
  for (const host of pair.hosts.values()) host.sysctls.set('net.ipv4.ip_nonlocal_bind', '0');
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  expect(worked(pair).filter((it) => it.includes('check'))).toEqual([]);
});

it('that its changes begin is noted in its turn alone', async () => {
  const pair = await drifted();
  const notes: string[] = [];
  pair.mishap = (host, script, ids) => {
    const steps = ids.some((id) => id.startsWith('step '));
    if (script.includes('begun=yes >')) notes.push(`${host.host.name} ${steps ? 'begins' : 'ahead'}`);
    if (script.includes('echo waits=yes')) notes.push(`${host.host.name} waits`);
    return undefined;
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  expect(notes.sort()).toEqual(['lb1 begins', 'lb1 waits', 'lb2 begins']);
});

it('where that failed its own turn begins with it, and says why it cannot', async () => {
  const pair = await drifted();
  pair.host('lb1').odd.set('keep', { exitCode: 1, stderr: 'No space left on device' });
  const { result, events } = await up(pair);
  expect(result.exit).toBe(1);
  const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
  expect(told).toContainEqual(expect.objectContaining({ host: 'lb1', detail: 'No space left on device' }));
  expect(worked(pair)).not.toContain('lb1 arm+step');
});

it('where the connection was cut in it the turn comes all the same', async () => {
  const pair = await drifted();
  let cuts = 0;
  pair.mishap = (host, _, ids) => {
    const isAhead = ids.includes('keep') && !ids.some((id) => id.startsWith('step '));
    if (!isAhead || host.host.name !== 'lb1') return undefined;
    cuts++;
    return failure('cut', host.host, { code: 'connection-lost', summary: 'lost' });
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  expect(cuts).toBe(1);
  expect(worked(pair)).toEqual(['lb2 keep+arm+step', 'lb1 keep+arm+step']);
});

it('a switch that could not be armed ahead is armed in its turn, which says why it cannot', async () => {
  const pair = await drifted();
  pair.host('lb1').odd.set('arm', { exitCode: 1, stderr: 'no systemd-run' });
  const { result, events } = await up(pair);
  expect(result.exit).toBe(1);
  const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
  expect(told).toContainEqual(expect.objectContaining({ host: 'lb1', detail: 'no systemd-run' }));
  expect(worked(pair)).not.toContain('lb1 arm+step');
});

it('where its turn does not come its switch is taken away again, and nothing is changed', async () => {
  const pair = await drifted();
  slowStandby(pair);
  pair.host('lb2').odd.set('step 0 0', { exitCode: 1, stderr: 'full' });
  expect((await up(pair)).result.exit).toBe(1);
  expect(worked(pair).filter((it) => it.startsWith('lb1'))).toEqual(['lb1 keep+arm+check']);
  const scripts = pair.transport.runs.filter(({ host }) => host === 'web/lb1').map(({ script }) => script);
  const armed = scripts.findIndex((it) => it.includes('systemd-run'));
  const disarmed = scripts.findIndex(
    (it) => /^systemctl stop '?lbctl-undo-change.timer/m.test(it) && !it.includes('systemd-run'),
  );
  expect(armed).toBeGreaterThan(-1);
  expect(disarmed).toBeGreaterThan(armed);
});

it('a switch that was armed ahead is only looked at in its turn, and armed anew where it is gone', async () => {
  const pair = await drifted();
  const inTurn: string[] = [];
  pair.mishap = (host, script, ids) => {
    if (host.host.name === 'lb1' && ids.some((id) => id.startsWith('step '))) inTurn.push(script);
    return undefined;
  };
  expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
  const section = /say \+arm\n\(\n(\{ IFS= read[^\n]*) \|\| \{\n/.exec(inTurn[0] ?? '');
  const token = /owner=([0-9a-f]+)/.exec(section?.[1] ?? '')?.[1] ?? '';
  expect(token).not.toBe('');
  const folder = temporaryFolder();
  const answer = (text: string) => {
    writeFileSync(join(folder, 'undo-change'), text);
    return runShell(section?.[1] ?? 'false', { replace: { '/run/lbctl': folder } });
  };
  expect(answer(`#!/bin/sh\n# owner=${token}\n`)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(answer('#!/bin/sh\n# owner=another\n').exitCode).toBe(1);
  rmSync(join(folder, 'undo-change'));
  expect(runShell(section?.[1] ?? 'true', { replace: { '/run/lbctl': folder } })).toMatchObject({
    stderr: '',
  });
});
