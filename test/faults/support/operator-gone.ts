/** The operator goes away in the middle of a change: killed, or interrupted by hand. */
import type { Run } from '../../e2e/support/lbctl.js';
import { injure, type Scene, sleep, type Trial } from './scene.js';

const signalled = (
  scene: Scene,
  at: number,
  fault: string,
  signals: readonly NodeJS.Signals[],
  rest: Partial<Trial>,
): Promise<Run> =>
  injure(scene, {
    fault,
    at,
    bound: 0,
    inject: async ({ child }) => {
      await sleep(at);
      for (const signal of signals) {
        child.kill(signal);
        await sleep(50);
      }
    },
    ...rest,
  });

/** kill -9 after so many milliseconds. */
export function killed(scene: Scene, at: number, locks: 'wait' | 'age' = 'age'): Promise<Run> {
  return signalled(scene, at, 'kill -9 of lbctl during a change', ['SIGKILL'], { locks });
}

/** One interrupt: the lock is free as soon as lbctl has ended. */
export function interrupted(scene: Scene, at: number): Promise<Run> {
  return signalled(scene, at, 'interrupted once', ['SIGINT'], {
    locks: 'free',
    judge: ({ exit, said }) => {
      // null: before lbctl was ready to listen to signals.
      if (exit !== 0 && exit !== 130 && exit !== null) throw new Error(`exit ${exit}: ${said}`);
      if (exit === 130 && !/interrupted/i.test(said)) throw new Error(`does not say that it was: ${said}`);
    },
  });
}

/** The second ends it at once; the hosts come to rest by themselves. */
export function interruptedTwice(scene: Scene, at: number): Promise<Run> {
  return signalled(scene, at, 'interrupted twice', ['SIGINT', 'SIGINT'], {});
}
