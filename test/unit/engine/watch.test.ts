import { describe, expect, it } from 'vitest';
import { watchCluster } from '../../../src/engine/watch.js';
import { TransportError } from '../../../src/transport/types.js';
import { type FakeAnswer, fakeTransport } from '../support/fake-transport.js';
import { clusterOf } from '../support/model.js';

const gone = () =>
  new TransportError('unreachable', { severity: 'error', code: 'no-route', summary: 'no route to host' });

/** A pair that is looked at; `lb2` may be out of reach, or let one wait. */
function watched(options: { readonly patience?: number } = {}) {
  const state = { refused: false, dials: 0, clock: 0, answer: (): FakeAnswer | Promise<FakeAnswer> => '' };
  const transport = fakeTransport({
    answer: ({ name }) => (name === 'lb2' ? state.answer() : ''),
    connect: ({ name }) => {
      if (name === 'lb2') state.dials++;
      return name === 'lb2' && state.refused ? gone() : undefined;
    },
  });
  const watch = watchCluster(clusterOf(), {
    transport,
    probes: () => [],
    observing: {},
    signal: new AbortController().signal,
    patience: options.patience ?? 1000,
    now: () => state.clock,
  });
  const look = async () => {
    const found = await watch.look();
    return [...found].map(([name, it]) => `${name} ${it.reachable ? 'reached' : it.error.summary}`);
  };
  return { state, transport, watch, look };
}

describe('watching a cluster', () => {
  it('keeps its connections, one a host, and closes them', async () => {
    const { state, transport, watch, look } = watched();
    for (let n = 0; n < 3; n++) expect(await look()).toEqual(['lb1 reached', 'lb2 reached']);
    expect(state.dials).toBe(1);
    expect(transport.open.size).toBe(2);
    watch.close();
    expect(transport.open.size).toBe(0);
  });

  it('tries a host that is out of reach less and less often, and has it back', async () => {
    const { state, look } = watched();
    state.refused = true;
    const dials: number[] = [];
    for (let second = 0; second < 100; second++) {
      state.clock = second * 1000;
      const before = state.dials;
      expect((await look())[1]).toBe('lb2 no route to host');
      if (state.dials > before) dials.push(second);
    }
    expect(dials).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
    state.refused = false;
    state.clock = 121_000;
    expect(await look()).toEqual(['lb1 reached', 'lb2 reached']);
  });

  it('connects anew after a connection that failed', async () => {
    const { state, transport, look } = watched();
    await look();
    state.answer = gone;
    expect((await look())[1]).toBe('lb2 no route to host');
    expect(transport.open).toEqual(new Set(['web/lb1']));
    state.answer = () => '';
    state.clock = 1000;
    expect((await look())[1]).toBe('lb2 reached');
    expect(state.dials).toBe(2);
  });

  it('does not let a host that says nothing hold up the others, and asks it no second time meanwhile', async () => {
    const { state, transport, look } = watched({ patience: 10 });
    let answer = (_: FakeAnswer): void => undefined;
    state.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    expect((await look())[1]).toMatch(/^lb2 no answer for/);
    state.clock = 7000;
    expect(await look()).toEqual(['lb1 reached', 'lb2 no answer for 7 s']);
    expect(transport.runs.filter(({ host }) => host === 'web/lb2')).toHaveLength(1);
    answer('');
    state.answer = () => '';
    expect(await look()).toEqual(['lb1 reached', 'lb2 reached']);
  });
});
