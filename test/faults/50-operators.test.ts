import { afterAll, beforeAll, describe, it } from 'vitest';
import { thirdOf, twoOperators } from './support/operators.js';
import { type Scene, setScene } from './support/scene.js';
import { random } from './support/seed.js';
import { printTally } from './support/tally.js';

const ROUNDS = 20;

describe('two operators at once', () => {
  let scene: Scene;
  let third: string;

  beforeAll(async () => {
    scene = await setScene();
    third = await thirdOf(scene);
  });
  afterAll(printTally);

  it('both want a change: one makes it, the other is told who does, or comes after', async () => {
    const all = [scene.now, scene.other, third];
    const next = random('operators');
    let current = scene.now;
    for (let round = 0; round < ROUNDS; round++)
      current = await twoOperators(scene, all, current, { next, later: round % 2 === 1 });
  });
});
