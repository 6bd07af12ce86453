import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
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
    onStdout: (listener) => child.stdout.on('data', listener),
    onStderr: (listener) => child.stderr.on('data', listener),
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

  it('from the second script on, the next one finds its channel open', async () => {
    let opened = 0;
    const session = sessionAs('root', async (command) => {
      opened++;
      return here(command);
    });
    const seen: number[] = [];
    for (let n = 0; n < 4; n++) {
      expect((await session.run(script(`echo ${n}`), { limit: 10 })).stdout).toBe(`${n}\n`);
      seen.push(opened);
    }
    expect(seen).toEqual([1, 3, 4, 5]);
  });

  it('a server that opens no second one at once is asked for it once', async () => {
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
    for (let n = 0; n < 5; n++) {
      expect((await session.run(script('sleep 0.1; echo done'), { limit: 10 })).stdout).toBe('done\n');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(refused).toBe(1);
  });

  it('one that ended before it was used is no loss', async () => {
    const processes: RemoteProcess[] = [];
    const session = sessionAs('root', async (command) => {
      const process = here(command);
      processes.push(process);
      return process;
    });
    for (let n = 0; n < 3; n++) {
      expect((await session.run(script('echo done'), { limit: 10 })).stdout).toBe('done\n');
      const ended = new Promise<void>((resolve) => processes.at(-1)?.onClose(() => resolve()));
      processes.at(-1)?.close();
      await ended;
    }
  });
});
