import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAIR } from '../e2e/support/hosts.js';
import { lbctl } from '../e2e/support/lbctl.js';
import { FLIP_HANGS, hostFaults, wrongInterface } from './support/host-fails.js';
import { each, type Scene, setScene } from './support/scene.js';
import { printTally } from './support/tally.js';

describe('a host fails in the middle of a change', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await setScene();
  });
  afterAll(printTally);

  it.each(PAIR.flatMap(hostFaults))('$name', ({ run }) => run(scene));

  it('an interface that is not there', () => wrongInterface(scene));

  it('a systemctl that hangs while hosts change together', async () => {
    const flip = await setScene('another virtual_router_id');
    await each(FLIP_HANGS, ({ run }) => run(flip));
    const back = await lbctl('up', scene.now);
    expect(back.exit, back.said).toBe(0);
  });
});
