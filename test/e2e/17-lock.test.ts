import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lb, on, onBoth } from './support/hosts.js';
import { lbctl, type Running, start } from './support/lbctl.js';
import { agingLock } from './support/left.js';
import { inventory, startReady, workFolder } from './support/pair.js';
import { onTerminal } from './support/terminal.js';
import { until } from './support/until.js';

const LOCK = '/var/lib/lbctl/lock';

/** Two steps on each host, the standby first; the first waits until it is let go. */
const PLAYBOOK = `
- play: steps
  order: standby-first
  tasks:
    - name: first
      command:
        run: |
          touch /run/first.begun
          for i in $(seq 600); do [ ! -e /run/go ] || break; sleep 0.1; done
          touch /run/first
        creates: /run/first
    - name: second
      command: { run: touch /run/second, creates: /run/second }
`;

interface LockJson {
  name: string;
  reachable: boolean;
  state: string;
  lock: { who: string; command: string; renewed_seconds_ago: number; step_running: boolean } | null;
  released?: boolean;
}

describe('the lock, seen and released by hand', () => {
  let path: string;
  let playbook: string;

  beforeAll(async () => {
    path = await startReady();
    playbook = join(await workFolder(), 'steps.yaml');
    await writeFile(playbook, PLAYBOOK);
  });
  afterEach(() => onBoth(`rm -f /run/go /run/first /run/first.begun /run/second ${LOCK}`));

  const locks = async (...args: string[]) => {
    const run = await lbctl('lock', ...args, path, '--json');
    const { clusters } = JSON.parse(run.stdout) as { clusters: { hosts: LockJson[] }[] };
    return { exit: run.exit, stderr: run.stderr, hosts: clusters.flatMap(({ hosts }) => hosts) };
  };
  /** A run whose first step on the standby has begun and waits. */
  const atWork = async (): Promise<Running> => {
    const run = start('up', path, '--playbook', playbook);
    await until('the first step', async () =>
      (await on('lb2', 'ls /run/first.begun 2>&1; true')) === '/run/first.begun' ? true : undefined,
    );
    return run;
  };
  const letGo = (host: Lb) => on(host, 'touch /run/go');
  const files = () => onBoth('cd /run; ls first second 2>/dev/null | xargs');
  const held = () => onBoth(`ls ${LOCK} 2>/dev/null; true`);
  /** As if the owner had not been heard of for longer. */
  const age = (seconds: number) => onBoth(agingLock(seconds));
  const edited = (balance: string) =>
    inventory(`${balance}.yaml`, ({ clusters: { web } }) => {
      web.haproxy.backends.app.balance = balance;
    });

  it('says whose it is, spares a run that is alive, and with --force makes it stop at its next step', async () => {
    expect((await locks('status')).hosts.map(({ state }) => state)).toEqual(['free', 'free']);
    const run = await atWork();
    const { exit, hosts } = await locks('status');
    expect(exit).toBe(0);
    expect(hosts).toMatchObject([
      { name: 'lb1', state: 'locked', lock: { command: 'lbctl up', step_running: false } },
      { name: 'lb2', state: 'locked', lock: { command: 'lbctl up', step_running: true } },
    ]);
    for (const { lock } of hosts) {
      expect(lock?.who).toContain(`(process ${run.child.pid})`);
      expect(lock?.renewed_seconds_ago).toBeLessThan(60);
    }
    const table = await lbctl('lock', 'status', path);
    expect(table.stdout).toMatch(/lb2 .* locked .*lbctl up .* ago +in \d+/);

    const unasked = await lbctl('lock', 'release', path, '--force');
    expect([unasked.exit, unasked.stderr]).toEqual([3, expect.stringContaining('--yes')]);
    const spared = await lbctl('lock', 'release', path, '--yes');
    expect(spared.exit, spared.said).toBe(6);
    expect(spared.stderr).toContain(`(process ${run.child.pid})`);
    expect(await held()).toEqual([LOCK, LOCK]);

    const released = await locks('release', '--yes', '--force');
    expect(released.exit, released.stderr).toBe(0);
    expect(released.stderr).toContain('that run stops before its next step');
    expect(released.hosts.map((it) => it.released)).toEqual([true, true]);
    await letGo('lb2');
    const ended = await run.ended;
    expect(ended.exit, ended.said).toBe(1);
    expect(ended.stderr).toContain('the lock was lost: not begun:');
    expect(ended.stderr).toContain('the lock of this host is no longer ours: it was released');
    // The step that was running went on to its end; nothing after it, and nothing on the other host.
    expect(await files()).toEqual(['', 'first']);
    expect(await held()).toEqual(['', '']);
  });

  it('an operator whose link stalled writes nothing into the run of another', async () => {
    const stalled = await atWork();
    stalled.child.kill('SIGSTOP');
    const other = await edited('leastconn');
    try {
      await age(61);
      const early = await lbctl('up', other);
      expect(early.exit, early.said).toBe(6);
      expect(early.stderr).toMatch(/a step of .*lbctl up.* is still running on this host/);
      await letGo('lb2');
      await until('the end of the script', async () =>
        (await files())[1] === 'first second' ? true : undefined,
      );
      await age(61);
      const second = await lbctl('up', other);
      expect(second.exit, second.said).toBe(0);
    } finally {
      stalled.child.kill('SIGCONT');
    }
    const { exit, said, stderr } = await stalled.ended;
    expect(exit, said).toBe(1);
    expect(stderr).toContain('web/lb1: the lock was lost: nothing more was begun');
    expect(await files()).toEqual(['', 'first second']);
    const plan = await lbctl('plan', other);
    expect(plan.exit, plan.said).toBe(0);
  });

  it('a dead owner: the next run waits for the lock, or it is released on a terminal', async () => {
    const dead = await atWork();
    dead.child.kill('SIGKILL');
    await dead.ended;
    await until('the end of the step', async () =>
      (await on('lb2', 'pgrep -f "[s]eq 600" || true; flock -n /var/lib/lbctl/lock.step echo free')) ===
      'free'
        ? true
        : undefined,
    );
    const spared = await lbctl('lock', 'release', path, '--yes');
    expect(spared.exit, spared.said).toBe(6);
    await age(50);
    const next = await lbctl('up', await edited('source'), '--lock-wait', '60');
    expect(next.exit, next.said).toBe(0);
    // Not before its owner had been silent for 60 s.
    expect(next.ms).toBeGreaterThan(1000);

    await on('lb2', foreign(61));
    const declined = await onTerminal(['lock', 'release', path], [[/Type yes: $/, 'no\r']]);
    expect([declined.exit, declined.left], declined.seen).toEqual([1, []]);
    expect(declined.seen).toContain('release the lock of bob@desk (`lbctl up` since');
    expect(await held()).toEqual(['', LOCK]);
    const done = await onTerminal(['lock', 'release', path], [[/Type yes: $/, 'yes\r']]);
    expect([done.exit, done.left], done.seen).toEqual([0, []]);
    expect(await held()).toEqual(['', '']);
  });

  it('is held on all hosts or on none; a host out of reach is told', async () => {
    await on('lb2', foreign(0));
    const other = await edited('first');
    const refused = await lbctl('up', other);
    expect(refused.exit, refused.said).toBe(6);
    expect(refused.stderr).toContain('web/lb2: bob@desk is changing this cluster with `lbctl up`');
    expect(await held()).toEqual(['', LOCK]);

    const half = await inventory('half.yaml', ({ clusters: { web } }) => {
      web.hosts.lb1.ssh.port = 1;
    });
    const status = await lbctl('lock', 'status', half);
    expect(status.exit, status.said).toBe(4);
    expect(status.stdout).toMatch(/lb1 .*unknown[\s\S]*lb2 .*locked .*bob@desk[\s\S]*connect-refused/);
    const refusal = await lbctl('lock', 'release', half, '--yes');
    expect(refusal.exit, refusal.said).toBe(4);
    expect(await held()).toEqual(['', LOCK]);
    const limited = await lbctl('lock', 'release', half, '--yes', '--force', '--limit', 'web/lb2');
    expect(limited.exit, limited.said).toBe(0);
    expect(await held()).toEqual(['', '']);
  });

  /** Somebody else's lock, last renewed so long ago. */
  function foreign(seconds: number): string {
    return `printf 'token=bb\\nwho=bob@desk\\ncommand=lbctl up\\nsince=2024-05-01T10:00:00.000Z\\nrenewed=%s\\nboot=%s\\n' \
$(($(cut -d. -f1 /proc/uptime) - ${seconds})) "$(cat /proc/sys/kernel/random/boot_id)" >${LOCK}`;
  }
});
