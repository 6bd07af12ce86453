import { afterAll, beforeAll, describe, it } from 'vitest';
import { PAIR } from '../e2e/support/hosts.js';
import { hostFaults, wrongInterface } from './support/host-fails.js';
import { type Scene, setScene } from './support/scene.js';
import { printTally } from './support/tally.js';

describe('a host fails in the middle of a change', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await setScene();
  });
  afterAll(printTally);

  it.each(PAIR.flatMap(hostFaults))('$name', ({ run }) => run(scene));

  it('an interface that is not there', () => wrongInterface(scene));
});
