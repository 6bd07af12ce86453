import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lb, labHost, on, PAIR } from '../e2e/support/hosts.js';
import { lbctl } from '../e2e/support/lbctl.js';
import { labInfo } from '../lab/lab.js';
import { each, injure, measure, type Scene, setScene, sleep } from './support/scene.js';
import { INSTANTS, instants } from './support/seed.js';
import { printTally } from './support/tally.js';
import { throughWires } from './support/through-wires.js';
import { openWire, type Wire } from './support/wire.js';

describe('the connection is lost in the middle of a change', () => {
  const wires = {} as Record<Lb, Wire>;
  let scene: Scene;

  beforeAll(async () => {
    scene = await setScene();
    const { hosts } = await labInfo();
    for (const host of PAIR) wires[host] = await openWire(hosts[labHost(host)].ssh_port);
  });
  afterAll(async () => {
    await Promise.all(Object.values(wires).map((it) => it.close()));
    printTally();
  });

  /** Cut at as many points of what is sent to a host as there are instants; between them lies every script. */
  async function cutting(host: Lb, then: 'reachable' | 'away', count: number): Promise<void> {
    wires[host].arm({ after: Number.POSITIVE_INFINITY, then });
    const whole = await lbctl('up', await throughWires(scene.other, wires));
    expect(whole.exit, whole.said).toBe(0);
    [scene.now, scene.other] = [scene.other, scene.now];
    const bytes = wires[host].sent();
    await each(instants(`${host} ${then}`, count, bytes), async (after) =>
      injure(scene, {
        fault: `connection to ${host} cut, ${then === 'away' ? 'and the host out of reach' : 'the host can be reached again'}`,
        at: `${after} of ${bytes} bytes`,
        broken: await throughWires(scene.other, wires),
        bound: 0,
        before: async () => wires[host].arm({ after, then }),
        after: async () => wires[host].mend(),
        judge: ({ exit, said }) => {
          if (!wires[host].wasCut()) return;
          expect([0, 1, 4, 5], said).toContain(exit);
          if (exit !== 0) expect(said).toMatch(/connection|reach|went away|has gone back by itself/);
        },
      }),
    );
  }

  it('cut once on the standby', () => cutting('lb2', 'reachable', Math.ceil(INSTANTS / 2)));
  it('cut once on the active host', () => cutting('lb1', 'reachable', Math.ceil(INSTANTS / 2)));
  it('cut for good on the active host', () => cutting('lb1', 'away', Math.ceil(INSTANTS / 10)));

  it('sshd of a host ends the sessions at random instants', async () => {
    const took = await measure(scene);
    await each(instants('sshd', Math.ceil(INSTANTS / 3), took), (at, index) =>
      injure(scene, {
        fault: 'ssh session killed on the host',
        at,
        bound: 0,
        inject: async () => {
          await sleep(at);
          await on(PAIR[index % 2] ?? 'lb1', "pkill -KILL -f '^sshd: root' ; true");
        },
      }),
    );
  });
});
