import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lb, PAIR } from '../e2e/support/hosts.js';
import { lbctl } from '../e2e/support/lbctl.js';
import {
  type Afterwards,
  bytesTo,
  closeWires,
  cut,
  cutInStep,
  openWires,
  sshdEnds,
  stepsOf,
  type Wires,
} from './support/lost-connection.js';
import { each, measure, type Scene, setScene } from './support/scene.js';
import { INSTANTS, instants } from './support/seed.js';
import { printTally } from './support/tally.js';

describe('the connection is lost in the middle of a change', () => {
  let wires: Wires;
  let scene: Scene;

  beforeAll(async () => {
    scene = await setScene();
    wires = await openWires();
  });
  afterAll(async () => {
    await closeWires(wires);
    printTally();
  });

  async function cutting(host: Lb, afterwards: Afterwards, count: number): Promise<void> {
    const bytes = await bytesTo(scene, wires, host);
    await each(instants(`${host} ${afterwards}`, count, bytes), (after) =>
      cut(scene, wires, { host, afterwards, after }),
    );
  }

  it('cut once on the standby', () => cutting('lb2', 'reachable', Math.ceil(INSTANTS / 2)));
  it('cut once on the active host', () => cutting('lb1', 'reachable', Math.ceil(INSTANTS / 2)));
  it('cut for good on the standby', () => cutting('lb2', 'away', Math.ceil(INSTANTS / 10)));
  it('cut for good on the active host', () => cutting('lb1', 'away', Math.ceil(INSTANTS / 10)));

  it.each(PAIR)('cut once while a step runs on %s', async (host) => {
    const took = await stepsOf(scene, host);
    await each(instants(`${host} step`, Math.ceil(INSTANTS / 2), took), (after) =>
      cutInStep(scene, wires, { host, afterwards: 'reachable', after }),
    );
  });

  it.each(PAIR)('cut once while hosts change together, on %s', async (host) => {
    const flip = await setScene('another virtual_router_id');
    const took = await stepsOf(flip, host);
    await each(instants(`${host} flip`, Math.ceil(INSTANTS / 5), took), (after) =>
      cutInStep(flip, wires, { host, afterwards: 'reachable', after }),
    );
    const run = await lbctl('up', scene.now);
    expect(run.exit, run.said).toBe(0);
  });

  it('sshd of a host ends the sessions at random instants', async () => {
    const took = await measure(scene);
    await each(instants('sshd', Math.ceil(INSTANTS / 3), took), (at, index) =>
      sshdEnds(scene, PAIR[index % 2] ?? 'lb1', at),
    );
  });
});
