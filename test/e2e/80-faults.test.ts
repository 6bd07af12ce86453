import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostFaults } from '../faults/support/host-fails.js';
import {
  bytesTo,
  closeWires,
  cut,
  cutInStep,
  openWires,
  stepsOf,
  type Wires,
} from '../faults/support/lost-connection.js';
import { interrupted, killed } from '../faults/support/operator-gone.js';
import { thirdOf, twoOperators } from '../faults/support/operators.js';
import { measure, type Scene, setScene } from '../faults/support/scene.js';
import { random, SEED } from '../faults/support/seed.js';
import { printTally } from '../faults/support/tally.js';
import { PAIR } from './support/hosts.js';
import { lbctl } from './support/lbctl.js';

/** No fault begins later than so many milliseconds after the first. LBCTL_FAULT_SAMPLE=N tries N, however long they take. */
const BUDGET = 15_000;
const SAMPLE = Number(process.env.LBCTL_FAULT_SAMPLE ?? 0);

/*
 * A sample of `npm run test:faults`. Each trial has a client that asks all the time, and fails where a request is lost, a
 * file is half written, something is left behind, the lock is not free, the message does not name the cause, or the next
 * run does not bring the pair where it should be.
 */
describe(`faults at random instants, seed ${SEED} (LBCTL_FAULT_SEED repeats it)`, () => {
  let scene: Scene;
  let wires: Wires;

  beforeAll(async () => {
    scene = await setScene();
    wires = await openWires();
  });
  afterAll(async () => {
    await closeWires(wires);
    printTally();
  });

  it('the pair serves, nothing is half done, the next run converges', async () => {
    const next = random('sample');
    const pick = <T>(from: readonly T[]): T => {
      const it = from[Math.floor(next() * from.length)];
      if (it === undefined) throw new Error('nothing to pick from');
      return it;
    };
    const took = await measure(scene);
    const quick = PAIR.flatMap(hostFaults).filter((it) => it.slow !== true);
    const kinds = [
      () => pick(quick).run(scene),
      () => killed(scene, Math.round(next() * took)),
      async () => {
        const host = pick(PAIR);
        const after = Math.round(next() * (await bytesTo(scene, wires, host)));
        return cut(scene, wires, { host, afterwards: 'reachable', after });
      },
      async () => {
        const host = pick(PAIR);
        const after = Math.round(next() * (await stepsOf(scene, host)));
        return cutInStep(scene, wires, { host, afterwards: 'reachable', after });
      },
      () => interrupted(scene, Math.round(next() * took)),
      async () => {
        const all = [scene.now, scene.other, await thirdOf(scene)];
        await twoOperators(scene, all, scene.now, { next, later: next() < 0.5 });
        const back = await lbctl('up', scene.now);
        expect(back.exit, back.said).toBe(0);
      },
    ];
    const first = Math.floor(next() * kinds.length);
    const began = performance.now();
    let count = 0;
    for (; SAMPLE > 0 ? count < SAMPLE : performance.now() - began < BUDGET; count++)
      await kinds[(first + count) % kinds.length]?.();
    expect(count).toBeGreaterThan(0);
  }, 300_000);
});
