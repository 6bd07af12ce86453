import { describe, expect, it } from 'vitest';
import { clusterAt, parseModel, rememberScript } from '../../../src/engine/model-file.js';
import { pickTarget, reachableRuns } from '../../../src/engine/rollback-target.js';
import type { GenerationFacts } from '../../../src/resources/probes/generation.js';
import type { Facts } from '../../../src/resources/types.js';
import { clusterOf } from '../support/model.js';

function observed(...hosts: readonly (readonly number[])[]) {
  return new Map(
    hosts.map((numbers, index) => {
      const list = numbers.map((number) => ({ folder: number, number }) as GenerationFacts);
      const facts = { need: () => list } as unknown as Facts;
      return [`lb${index + 1}`, { reachable: true as const, facts }];
    }),
  );
}

describe('the run to go back before', () => {
  it.each([
    [
      null,
      [
        [0, 1, 2],
        [0, 2],
      ],
      2,
    ],
    [
      1,
      [
        [0, 1, 2],
        [0, 2],
      ],
      1,
    ],
    [
      3,
      [
        [0, 3],
        [3, 4],
      ],
      3,
    ],
  ] as const)('%s of %j: %s', (to, hosts, expected) => {
    expect(pickTarget(observed(...hosts), to)).toBe(expected);
  });

  it.each([
    [null, [[0], [0]], /no run has changed this pair since it was built/],
    [
      0,
      [
        [0, 1],
        [0, 1],
      ],
      /before lbctl/,
    ],
    [
      7,
      [
        [0, 1],
        [0, 1],
      ],
      /there is no generation 7/,
    ],
    // One host still has it, another has thrown it away: what that one was like then is not known.
    [
      2,
      [
        [0, 2, 13],
        [0, 13],
      ],
      /there is no generation 2/,
    ],
  ] as const)('%s of %j: refused', (to, hosts, summary) => {
    expect(pickTarget(observed(...hosts), to)).toMatchObject({
      severity: 'error',
      summary: expect.stringMatching(summary),
    });
  });

  it('is one of the last ten', () => {
    expect(reachableRuns([0, 1, 2, 3, 3, 12])).toEqual([3, 12]);
  });
});

describe('what a cluster was', () => {
  const text = (cluster = clusterOf(), number = 4) => {
    const written = /printf %s '(.*)' >/s.exec(rememberScript(cluster, number).text.reveal())?.[1] ?? '';
    return written.replaceAll(`'\\''`, "'");
  };

  it('is written down and read again', () => {
    const cluster = clusterOf();
    const model = parseModel(text(cluster));
    expect(model).toMatchObject({ number: 4, hosts: ['lb1', 'lb2'] });
    if (model === null) return;
    const then = clusterAt(cluster, model);
    expect(then.check).toEqual(cluster.check);
    expect(then.vrrpInstances[0]).toMatchObject({ name: 'VI_1', virtualRouterId: 51 });
    expect(then.hosts).toEqual(cluster.hosts);
  });

  it('leaves out hosts that joined later', () => {
    const model = parseModel(text());
    if (model === null) throw new Error('no model');
    expect(clusterAt(clusterOf(), { ...model, hosts: ['lb2'] }).hosts.map((it) => it.name)).toEqual(['lb2']);
  });

  it.each(['', '{}', 'nonsense', '{"number":"4"}', 'null'])('is unknown where the file says %j', (broken) => {
    expect(parseModel(broken)).toBeNull();
  });
});
