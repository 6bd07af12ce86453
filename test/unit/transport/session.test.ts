import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RemoteProcess } from '../../../src/transport/run-script.js';
import { SshSession } from '../../../src/transport/session.js';
import { targetOf } from '../../../src/transport/target.js';
import { ChannelRefused, type Connection } from '../../../src/transport/wire.js';
import { hostWith, script } from './hosts.js';

const dir = mkdtempSync(join(tmpdir(), 'lbctl-session-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the remote command here, with a sudo of the test's own before all others. */
function here(command: string): RemoteProcess {
  const child = spawn('sh', ['-c', command], { env: { ...process.env, PATH: `${dir}:${process.env.PATH}` } });
  child.stdin.on('error', () => undefined);
  return {
    write: (data) => child.stdin.write(data),
    onStdout: (listener) => child.stdout.removeAllListeners('data').on('data', listener),
    onStderr: (listener) => child.stderr.removeAllListeners('data').on('data', listener),
    onClose: (listener) => child.on('close', listener),
    close: () => child.stdin.end(),
  };
}

const noWay = async () => {
  throw new Error('no forwarding here');
};

function sessionAs(user: string, exec: Connection['exec'] = async (command) => here(command)): SshSession {
  const target = targetOf(hostWith({ user }), 'me');
  return new SshSession(
    target,
    { address: '', lossReason: 'reset', exec, forward: noWay, close: () => undefined },
    () => undefined,
  );
}

const sudo = (code: string) => writeFileSync(join(dir, 'sudo'), `#!/bin/sh\n${code}\n`, { mode: 0o755 });

describe('a user who is not root', () => {
  it.each([10, 'none'] as const)('runs scripts by sudo, which never asks (limit %s)', async (limit) => {
    sudo(`echo "$1 $2 $3" > ${dir}/args; echo "a lecture" >&2; shift 2; exec "$@"`);
    const result = await sessionAs('ops').run(script('echo out; cat; echo err >&2; exit 3'), { limit });
    expect(result).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false });
    expect(readFileSync(join(dir, 'args'), 'utf8')).toBe('-n -- /bin/sh\n');
  });

  it('whom sudo refuses is told so', async () => {
    sudo('echo "sudo: a password is required" >&2; exit 1');
    await expect(sessionAs('ops').run(script('true'), { limit: 10 })).rejects.toMatchObject({
      failure: 'privileges',
      diagnostic: {
        code: 'sudo-refused',
        summary: 'ops may not become root on lb1 without a password: sudo: a password is required',
      },
    });
  });

  it('root needs none', async () => {
    sudo('exit 9');
    expect((await sessionAs('root').run(script('true'), { limit: 10 })).exitCode).toBe(0);
  });
});

describe('channels', () => {
  it('a server that opens none is an error, not a wait', async () => {
    const refuse = async () => {
      throw new ChannelRefused('open failed', false);
    };
    await expect(sessionAs('root', refuse).run(script('true'), { limit: 10 })).rejects.toMatchObject({
      failure: 'unreachable',
      diagnostic: { code: 'channel-refused' },
    });
  });

  it('a connection that is gone before the script was sent: it did not run', async () => {
    const gone = async () => {
      throw new Error('Not connected');
    };
    await expect(sessionAs('root', gone).run(script('true'), { limit: 10 })).rejects.toMatchObject({
      failure: 'unreachable',
      diagnostic: { code: 'connection-lost', detail: 'reset' },
    });
  });

  const counted = () => {
    const processes: RemoteProcess[] = [];
    const session = sessionAs('root', async (command) => {
      const process = here(command);
      processes.push(process);
      return process;
    });
    return { processes, session };
  };

  it('scripts that leave nothing behind come one after the other over the same one', async () => {
    const { processes, session } = counted();
    for (let n = 0; n < 4; n++) {
      const result = await session.run(script(`echo ${n}; exit ${n}`), { limit: 10, tidy: true });
      expect(result).toMatchObject({ stdout: `${n}\n`, exitCode: n });
    }
    expect(processes).toHaveLength(1);
    // Two at the same time need two.
    await Promise.all([1, 2].map(() => session.run(script('sleep 0.2'), { limit: 10, tidy: true })));
    expect(processes).toHaveLength(2);
  });

  it('what another one leaves behind prints into none that comes after it', async () => {
    const { session } = counted();
    await session.run(script('( sleep 0.2; echo stray; echo stray >&2 ) &'), { limit: 10 });
    const next = await session.run(script('sleep 0.5; echo mine'), { limit: 10, tidy: true });
    expect(next).toMatchObject({ stdout: 'mine\n', stderr: '' });
  });

  it('one whose script was ended at its limit serves no other', async () => {
    const { processes, session } = counted();
    const late = await session.run(script('sleep 20'), { limit: 1, tidy: true });
    expect(late.timedOut).toBe(true);
    expect((await session.run(script('echo on'), { limit: 10, tidy: true })).stdout).toBe('on\n');
    expect(processes).toHaveLength(2);
  });

  it('where a server opens one at a time, those that wait get it in turn', async () => {
    let [open, refused] = [0, 0];
    const session = sessionAs('root', async (command) => {
      if (open > 0) {
        refused++;
        throw new ChannelRefused('open failed', false);
      }
      open++;
      const process = here(command);
      process.onClose(() => open--);
      return process;
    });
    const runs = [0, 1, 2, 3].map((n) => session.run(script(`echo ${n}`), { limit: 10, tidy: n % 2 === 0 }));
    expect((await Promise.all(runs)).map((it) => it.stdout)).toEqual(['0\n', '1\n', '2\n', '3\n']);
    for (let n = 0; n < 3; n++) await session.run(script('true'), { limit: 10, tidy: true });
    expect(refused).toBeLessThan(10);
  });

  it('one that has waited for long is not used: its connection may be dead without anybody knowing', async () => {
    const { processes, session } = counted();
    const run = () => session.run(script('echo on'), { limit: 10, tidy: true });
    await run();
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 6_000);
    expect((await run()).stdout).toBe('on\n');
    expect(processes).toHaveLength(2);
    now.mockRestore();
  });

  it('a line without end, where lines are read, ends the connection', async () => {
    const lines: string[] = [];
    const running = sessionAs('root').run(
      script('echo first; head -c 100000000 /dev/zero | tr "\\0" x; sleep 9'),
      {
        limit: 20,
        onLine: (line) => lines.push(line),
      },
    );
    await expect(running).rejects.toMatchObject({
      failure: 'cut',
      diagnostic: { code: 'output-too-large', summary: expect.stringContaining('a line of more than 1 MB') },
    });
    expect(lines).toEqual(['first']);
  });

  it('many lines are no line without end', async () => {
    let count = 0;
    const { exitCode } = await sessionAs('root').run(script('yes | head -c 40000000'), {
      limit: 60,
      onLine: () => count++,
    });
    expect([exitCode, count]).toEqual([0, 20_000_000]);
  });

  it('one that ended before it was used is no loss', async () => {
    const { processes, session } = counted();
    for (let n = 0; n < 3; n++) {
      expect((await session.run(script('echo done'), { limit: 10, tidy: true })).stdout).toBe('done\n');
      const ended = new Promise<void>((resolve) => processes.at(-1)?.onClose(() => resolve()));
      processes.at(-1)?.close();
      await ended;
    }
    expect(processes).toHaveLength(3);
  });
});
