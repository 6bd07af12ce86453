import { afterAll, beforeAll, describe, it } from 'vitest';
import { each, injure, measure, type Scene, setScene, sleep } from './support/scene.js';
import { INSTANTS, instants } from './support/seed.js';
import { printTally } from './support/tally.js';

describe('the operator is gone in the middle of a change', () => {
  let scene: Scene;
  let took: number;

  beforeAll(async () => {
    scene = await setScene();
    took = await measure(scene);
  });
  afterAll(printTally);

  it('kill -9 at random instants', async () => {
    await each(instants('kill', INSTANTS, took), (at, index) =>
      injure(scene, {
        fault: 'kill -9 of lbctl during a change',
        at,
        bound: 0,
        // The first of them are waited for in real time: the host gives the lock back, or it grows old.
        locks: index % 10 === 5 ? 'wait' : 'age',
        inject: async ({ child }) => {
          await sleep(at);
          child.kill('SIGKILL');
        },
      }),
    );
  });

  it('an interrupt at random instants frees the lock at once', async () => {
    await each(instants('interrupt', Math.ceil(INSTANTS / 3), took), (at) =>
      injure(scene, {
        fault: 'interrupted once',
        at,
        bound: 0,
        locks: 'free',
        inject: async ({ child }) => {
          await sleep(at);
          child.kill('SIGINT');
        },
        judge: ({ exit, said }) => {
          if (exit !== 0 && exit !== 130 && exit !== null) throw new Error(`exit ${exit}: ${said}`);
        },
      }),
    );
  });

  it('a second interrupt ends it at once; the hosts are at rest by themselves', async () => {
    await each(instants('twice', Math.ceil(INSTANTS / 3), took), (at) =>
      injure(scene, {
        fault: 'interrupted twice',
        at,
        bound: 0,
        inject: async ({ child }) => {
          await sleep(at);
          child.kill('SIGINT');
          await sleep(50);
          child.kill('SIGINT');
        },
      }),
    );
  });
});
