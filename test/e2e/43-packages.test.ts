import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientLoopReport, labExec, labInfo, reboot, reset, startClientLoop } from '../lab/lab.js';
import {
  bare,
  DEB,
  EL,
  handsOver,
  heldOn,
  lostAtMost,
  type Members,
  run,
  settled,
  up,
  type Web,
  write,
} from './support/cluster.js';
import { eventsOf, lbctl, planOf, type Running, start } from './support/lbctl.js';
import { until } from './support/until.js';

interface FamilyCase {
  readonly members: Members;
  /** Makes the second repository known to a host, and takes it away again. */
  readonly repository: (on: boolean) => string;
  readonly old: { readonly haproxy: string; readonly keepalived: string };
  readonly updated: { readonly haproxy: string; readonly keepalived: string };
  readonly installed: string;
  /** By hand, a package as it is. */
  readonly reinstall: (name: string) => string;
  /** By hand, HAProxy back to what it was, and both to what the second repository has. */
  readonly upgrade: string;
  /** Holds the package manager's lock, as another one would, until it may let go. */
  readonly holdLock: string;
  readonly holder: RegExp;
}

/** On the host whose package manager is kept busy. */
const HELD = '/run/held';
const LET_GO = '/run/let-go';

const FAMILIES: Record<string, FamilyCase> = {
  dnf: {
    members: EL,
    repository: (on) =>
      `sed -i '/lab-updates/,$ s/enabled=./enabled=${on ? 1 : 0}/' /etc/yum.repos.d/lab.repo`,
    old: { haproxy: '2.6.12-1.el9', keepalived: '2.2.7-1.el9' },
    updated: { haproxy: '2.6.12-2.el9', keepalived: '2.2.7-2.el9' },
    installed: "rpm -q --qf '%{VERSION}-%{RELEASE} ' haproxy keepalived",
    reinstall: (name) => `dnf -yq reinstall ${name} >/dev/null`,
    upgrade:
      'dnf -yq downgrade haproxy-2.6.12-1.el9 >/dev/null && dnf -yq upgrade haproxy keepalived >/dev/null',
    // What rpm itself does for a transaction.
    holdLock: `exec python3 -c "import fcntl, os, time; f = open('/var/lib/rpm/.rpm.lock', 'r+'); fcntl.lockf(f, fcntl.LOCK_EX)
open('${HELD}', 'w')
while not os.path.exists('${LET_GO}'): time.sleep(0.1)"`,
    holder: /python3 \(process \d+\)/,
  },
  apt: {
    members: DEB,
    repository: (on) =>
      `sed -i 's/^#* *deb/${on ? 'deb' : '# deb'}/' /etc/apt/sources.list.d/lab-updates.list`,
    old: { haproxy: '2.6.12-1+deb12u4', keepalived: '2.2.7-1+b2' },
    updated: { haproxy: '2.6.12-1+deb12u4+lab1', keepalived: '2.2.7-1+b2+lab1' },
    installed: "dpkg-query -W -f '${Version} ' haproxy keepalived | sed 's/[0-9]://g'",
    reinstall: (name) =>
      `DEBIAN_FRONTEND=noninteractive apt-get -yqq -o Dpkg::Options::=--force-confold install --reinstall ${name} >/dev/null`,
    upgrade: `export DEBIAN_FRONTEND=noninteractive; apt-get -yqq update >/dev/null
install='apt-get -yqq -o Dpkg::Options::=--force-confold --allow-downgrades install'
$install haproxy=2.6.12-1+deb12u4 >/dev/null && $install --only-upgrade haproxy keepalived >/dev/null`,
    // A real apt-get, whose transaction takes its time.
    holdLock: `exec apt-get -yq -o DPkg::Pre-Invoke::='touch ${HELD}; until [ -e ${LET_GO} ]; do sleep 0.1; done' install --reinstall liblua5.3-0`,
    holder: /apt-get \(process \d+\)/,
  },
};

const both = ({ haproxy, keepalived }: FamilyCase['old']) => `${haproxy} ${keepalived}`;

/** A null command: a reboot. */
type Hand = readonly [what: string, command: string | null];

/** What 40-takeover does to hosts with dnf. */
const HANDS: readonly Hand[] = [
  ['haproxy restarted', 'systemctl daemon-reload; systemctl restart haproxy'],
  ['keepalived restarted', 'systemctl restart keepalived; systemctl daemon-reload'],
  ['rebooted', null],
];

describe.each(Object.entries(FAMILIES))('packages on hosts with %s', (_, family) => {
  const { members, old, updated } = family;
  const machines = Object.values(members);
  const each = (command: string) => Promise.all(machines.map((host) => run(host, command)));
  const wishing = (packages: Record<string, string>) =>
    write(members, (web: Web) => {
      web.system = { packages };
    });
  let address = '';
  const measured: string[] = [];

  beforeAll(async () => {
    await bare();
    await each(family.repository(false));
    address = (await labInfo()).vips[0] ?? '';
    await up(await wishing(old));
    expect(await each(family.installed)).toEqual([both(old), both(old)]);
    await each(family.repository(true));
    await heldOn(address, 'lb1', members);
  }, 120_000);

  afterAll(async () => {
    process.stdout.write(`${measured.join('\n')}\n`);
    // Nobody else shall find this pair's address taken, nor its repository.
    await reset(machines);
  });

  async function watched(
    what: string,
    path: string,
    meanwhile: (running: Running) => Promise<unknown> = async () => undefined,
  ): Promise<{ said: string; report: ClientLoopReport }> {
    const loop = await startClientLoop(`http://${address}/`);
    const running = start('up', path, '--json');
    await meanwhile(running);
    const done = await running.ended;
    const report = await loop.stop();
    expect(done.exit, done.said).toBe(0);
    const { failed, requests, longestGapMs } = report;
    measured.push(
      `${what}: ${failed} of ${requests} failed (at most ${lostAtMost(report)}), gap ${Math.round(longestGapMs)} ms`,
    );
    const order = eventsOf(done).flatMap(({ event, host, resource, state }) =>
      event === 'task' && resource === 'packages:versions' && state === 'done' ? [host] : [],
    );
    expect(order).toEqual(['lb2', 'lb1']);
    await heldOn(address, 'lb1', members);
    return { said: done.said, report };
  }

  it('`present` leaves them alone, whatever the repositories have', async () => {
    await settled(await wishing({ haproxy: 'present', keepalived: 'present' }));
  });

  it('a version that no repository has is an error that names those they have', async () => {
    const wrong = await lbctl('plan', await wishing({ haproxy: '9.9.9', keepalived: 'present' }), '--json');
    expect(wrong.exit, wrong.said).toBe(1);
    const [problem] = planOf(wrong).problems;
    expect(problem?.code).toBe('no-such-version');
    expect(problem?.message).toContain('no haproxy 9.9.9');
    expect(problem?.message).toContain(old.haproxy);
    expect(problem?.message).toContain(updated.haproxy);
  });

  it('`latest` upgrades the standby, then the active host without its address', async () => {
    const path = await wishing({ haproxy: 'latest', keepalived: 'latest' });
    const plan = await lbctl('plan', path, '--json');
    expect(planOf(plan).changes).toMatchObject([
      { resource: 'packages:versions', class: 'restart', reason: expect.stringContaining(updated.haproxy) },
      { resource: 'packages:versions', class: 'restart' },
    ]);
    const config = await each(
      'sha256sum </etc/haproxy/haproxy.cfg; sha256sum </etc/keepalived/keepalived.conf',
    );
    const { report } = await watched('upgrade', path);
    expect(report.failed, JSON.stringify(report)).toBeLessThanOrEqual(lostAtMost(report));
    expect(await each(family.installed)).toEqual([both(updated), both(updated)]);
    expect(
      await each('sha256sum </etc/haproxy/haproxy.cfg; sha256sum </etc/keepalived/keepalived.conf'),
    ).toEqual(config);
    // Whatever the packages' own scripts do, the services run by the new programs.
    expect(
      await each(
        'for s in haproxy keepalived; do readlink /proc/$(systemctl show $s -p MainPID --value)/exe; done',
      ),
    ).toEqual(machines.map(() => '/usr/sbin/haproxy\n/usr/sbin/keepalived'));
    await settled(path);
  });

  it.each<Hand>([
    ['haproxy reinstalled', family.reinstall('haproxy')],
    ['keepalived reinstalled', family.reinstall('keepalived')],
    ...(members === DEB ? HANDS : []),
  ])('%s by hand on the active host: it serves again, and no mark keeps it out', async (_, command) => {
    if (command === null) await reboot(active);
    else await run(active, command, { timeoutMs: 60_000 });
    await whole();
  });

  const active = machines[0] ?? 'el1';

  /** The active host serves, and hands over when its HAProxy stops. */
  async function whole(): Promise<void> {
    await until(
      'both active, mark 0',
      async () => {
        const said = await run(
          active,
          'systemctl is-active haproxy keepalived; cat /run/keepalived.lbctl-haproxy-down',
        );
        return said === 'active\nactive\n0' ? true : undefined;
      },
      30,
    );
    await handsOver(address, members);
  }

  it('after all of it nothing is left to do', async () => {
    await settled(await wishing({ haproxy: 'latest', keepalived: 'latest' }));
  });

  it('somebody else at the package manager is named, waited for, and not for ever', async () => {
    const path = await wishing({ haproxy: '2.6.12', keepalived: old.keepalived });
    const busy = machines[1] ?? 'el2';
    await run(busy, `rm -f ${HELD} ${LET_GO}`);
    const held = labExec(busy, family.holdLock, { timeoutMs: 120_000 });
    await until('the lock held', async () => (await run(busy, `ls ${HELD} 2>/dev/null; true`)) || undefined);
    const late = await lbctl('up', path, '--timeout', '3');
    expect(late.exit, late.said).toBe(1);
    expect(late.said).toMatch(/package-manager-busy|works with the package manager/);
    expect(late.said).toMatch(/lock is held by .* waited 3 s/);
    expect(late.said).toMatch(family.holder);
    // An older version, by its name; the address leaves the active host for it as well.
    const { said, report } = await watched('downgrade', path, async ({ saw }) => {
      await saw(family.holder);
      await run(busy, `touch ${LET_GO}`);
    });
    expect(said).toMatch(family.holder);
    expect(report.failed, JSON.stringify(report)).toBeLessThanOrEqual(lostAtMost(report));
    await held;
    expect(await each(family.installed)).toEqual(machines.map(() => `${updated.haproxy} ${old.keepalived}`));
    await settled(path);
  });

  it('upgraded by hand on the active host: it serves again, and still hands over', async () => {
    await run(active, family.upgrade, { timeoutMs: 90_000 });
    expect(await run(active, family.installed)).toBe(both(updated));
    await whole();
  });
});
