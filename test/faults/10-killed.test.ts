import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lbctl } from '../e2e/support/lbctl.js';
import { inventory } from '../e2e/support/pair.js';
import { interrupted, interruptedTwice, killed } from './support/operator-gone.js';
import { eachInstant, measure, type Scene, setScene } from './support/scene.js';
import { INSTANTS } from './support/seed.js';
import { printTally } from './support/tally.js';

describe.each(['another virtual_router_id', 'a second VIP'] as const)(
  'the operator is gone in the middle of a change of %s',
  (edit) => {
    let scene: Scene;
    let took: number;

    beforeAll(async () => {
      scene = await setScene(edit);
      took = await measure(scene);
    });
    afterAll(async () => {
      // The next ones begin with the pair as it always is.
      const run = await lbctl('up', await inventory('ready.yaml'));
      expect(run.exit, run.said).toBe(0);
      printTally();
    });

    it('kill -9 at random instants', async () => {
      await eachInstant(`kill ${edit}`, { count: Math.ceil(INSTANTS / 2), took }, (at) => killed(scene, at));
    });
  },
);

describe('the operator is gone in the middle of a change', () => {
  let scene: Scene;
  let took: number;

  beforeAll(async () => {
    scene = await setScene();
    took = await measure(scene);
  });
  afterAll(printTally);

  it('kill -9 at random instants', async () => {
    // Some are waited for in real time: the host gives the lock back, or it grows old.
    await eachInstant('kill', { count: INSTANTS, took }, (at, index) =>
      killed(scene, at, index % 10 === 5 ? 'wait' : 'age'),
    );
  });

  it('an interrupt at random instants frees the lock at once', async () => {
    await eachInstant('interrupt', { count: Math.ceil(INSTANTS / 3), took }, (at) => interrupted(scene, at));
  });

  it('a second interrupt ends it at once; the hosts are at rest by themselves', async () => {
    await eachInstant('twice', { count: Math.ceil(INSTANTS / 3), took }, (at) => interruptedTwice(scene, at));
  });
});
