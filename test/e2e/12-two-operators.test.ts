import { beforeAll, describe, expect, it } from 'vitest';
import { holders, on, onBoth, PAIR, vip } from './support/hosts.js';
import { eventsOf, lbctl, planned, type Run, start, summaryOf } from './support/lbctl.js';
import { healthy, inventory, startBare } from './support/pair.js';
import { until } from './support/until.js';

const LOCKS = 'ls /var/lib/lbctl/lock 2>/dev/null; true';

/** What a run changed, as its events tell it. */
function changesOf(run: Run): string[] {
  return eventsOf(run).flatMap(({ event, host, resource, state }) =>
    event === 'task' && state !== 'not-run' ? [`${host} ${resource} ${state}`] : [],
  );
}

describe('somebody else, and second thoughts', () => {
  let path: string;

  beforeAll(async () => {
    await startBare();
    path = await inventory('pair.yaml');
  });

  it('an interrupt lets the running step end, says what was and was not done, exits 130 and frees the lock', async () => {
    const up = start('up', path);
    await Promise.all(
      PAIR.map((host) =>
        until(`${host} installs packages`, async () => (await on(host, 'pgrep dnf || true')) || undefined),
      ),
    );
    up.child.kill('SIGINT');
    const run = await up.ended;
    expect(run.exit, run.said).toBe(130);
    expect(run.stderr).toContain('interrupted: the running step ends');
    for (const host of PAIR) {
      for (const done of ['firewall', 'selinux', 'packages'])
        expect(run.stderr).toContain(`web/${host}: ${done}: changed`);
      for (const left of ['sysctl', 'haproxy_config', 'service:keepalived']) {
        expect(run.stderr).toContain(`web/${host}: ${left}: not run`);
      }
    }
    expect(run.stdout).toMatch(/cluster web +failed +interrupted/);
    expect(await onBoth(LOCKS)).toEqual(['', '']);
    expect(await onBoth('systemctl is-active keepalived; true')).toEqual(['inactive', 'inactive']);
    expect(await onBoth('ls /run/lbctl-go.* 2>/dev/null; true')).toEqual(['', '']);
    // What the interrupted run said it had done is done: the plan has the rest.
    const plan = await lbctl('plan', path, '--json');
    expect(plan.exit, plan.said).toBe(2);
    const left = planned(plan);
    for (const host of PAIR) {
      expect(left).not.toContain(`${host} packages`);
      expect(left).not.toContain(`${host} firewall`);
      expect(left).toContain(`${host} sysctl`);
    }
  });

  it('while one changes the pair, another is refused and told who it is; the next run converges', async () => {
    const one = start('up', path, '--json');
    await one.saw(/"phase":"apply","state":"started"/);
    const [plan, other] = await Promise.all([lbctl('plan', path), lbctl('up', path, '--json')]);
    const first = await one.ended;
    expect(first.exit, first.said).toBe(0);
    expect(plan.exit, plan.said).toBe(2);
    expect(other.exit, other.said).toBe(6);
    expect(other.stderr).toMatch(
      new RegExp(
        `\\S+@\\S+ \\(process ${one.child.pid}\\) is changing this cluster with \`lbctl up\` since \\d{4}-`,
      ),
    );
    expect(other.stderr).toContain('--lock-wait');
    expect(changesOf(other)).toEqual([]);
    expect(summaryOf(other)).toMatchObject({
      ok: false,
      hosts: { lb1: { changed: [] }, lb2: { changed: [] } },
    });
    expect(await onBoth(LOCKS)).toEqual(['', '']);
    await healthy(path);
    expect(await holders(await vip())).toEqual(['lb1']);
  });

  it('of two at the same moment, with different wishes, one wins and the pair is what it wished', async () => {
    const wish = (balance: string) =>
      inventory(`${balance}.yaml`, ({ clusters: { web } }) => {
        web.haproxy.backends.app.balance = balance;
      });
    const wishes = [await wish('leastconn'), await wish('source')] as const;
    const runs = await Promise.all([lbctl('up', wishes[0], '--json'), lbctl('up', wishes[1], '--json')]);
    const exits = runs.map(({ exit }) => exit);
    expect(
      [
        [0, 0],
        [0, 6],
        [6, 0],
      ],
      runs.map(({ said }) => said).join('\n'),
    ).toContainEqual(exits);
    const balances = await onBoth("sed -n 's/^ *balance //p' /etc/haproxy/haproxy.cfg");
    expect(balances[0]).toBe(balances[1]);
    expect(['leastconn', 'source']).toContain(balances[0]);
    runs.forEach((run, index) => {
      if (run.exit === 6) expect(changesOf(run), `run ${index}`).toEqual([]);
      else
        expect(
          changesOf(run).filter((it) => it.endsWith(' reload haproxy done')),
          `run ${index}`,
        ).toHaveLength(2);
    });
    expect(await onBoth(LOCKS)).toEqual(['', '']);
  });

  it('--lock-wait lets the second one run after the first', async () => {
    const edited = await inventory('edited.yaml', ({ clusters: { web } }) => {
      web.haproxy.backends.app.balance = 'random';
    });
    const one = start('up', path, '--json');
    await one.saw(/"phase":"apply","state":"started"/);
    const [first, second] = await Promise.all([
      one.ended,
      lbctl('up', edited, '--json', '--lock-wait', '30'),
    ]);
    expect([first.exit, second.exit], second.said).toEqual([0, 0]);
    expect(await onBoth("sed -n 's/^ *balance //p' /etc/haproxy/haproxy.cfg")).toEqual(['random', 'random']);
    expect((await lbctl('up', path)).exit).toBe(0);
  });
});
