import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { HoldContext } from '../../../../src/engine/drill/hold.js';
import { hold } from '../../../../src/engine/drill/hold.js';
import type { Making } from '../../../../src/engine/drill/make-fault.js';
import type { Sample } from '../../../../src/engine/drill/samples.js';
import type { Seen } from '../../../../src/engine/drill/timeline.js';
import { clusterOf } from '../../support/model.js';

const VIP = '10.0.0.100';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const now = () => performance.timeOrigin + performance.now();

/** A fault that was made 100 ms after it began, whose command ends when told; a client that is served all the time. */
function scene() {
  let lost: string | null = null;
  const samples: Sample[] = [];
  const asking = setInterval(() => {
    samples.push({ start: now() - 1, end: now(), ok: true, why: '' });
  }, 10);
  const interrupt = new AbortController();
  const seen: Seen[] = [];
  const making: { -readonly [Key in 'at' | 'error']: Making[Key] } = { at: null, error: undefined };
  setTimeout(() => {
    making.at = now();
  }, 100);
  const context: HoldContext = {
    cluster: clusterOf(),
    watch: { seen, clocks: new Map(), stop: () => undefined },
    prober: { description: '', samples, failure: () => lost, stop: () => undefined },
    rate: 100,
    signal: interrupt.signal,
  };
  const input: Parameters<typeof hold>[1] = {
    fault: { title: '', moves: 'always', make: undefined as never, undo: undefined as never },
    host: 'lb1',
    before: {
      ...{ name: 'web', state: 'healthy', hosts: [], servers: [], problems: [], notices: [] },
      virtual_ips: [{ address: VIP, instance: 'VI_1', holders: ['lb1'], expected: 'lb1' }],
    },
  };
  const states: string[] = [];
  const began = now();
  let after: number | null = null;
  void hold(context, input, making, (it) => states.push(it)).then(() => {
    after = now() - began;
    clearInterval(asking);
  });
  /** Milliseconds after which it was over; null: not yet. */
  const over = async (milliseconds: number) => {
    await vi.advanceTimersByTimeAsync(milliseconds);
    return after;
  };
  const lose = () => {
    lost = 'the client loop on client ended';
  };
  return { seen, making, interrupt, lose, states, over };
}

it('a fault is held until another host serves, for a second without a failure', async () => {
  const { seen, making, over, states } = scene();
  await over(200);
  making.error = null;
  seen.push({ kind: 'gained', host: 'lb2', at: now(), address: VIP });
  expect(await over(900)).toBeNull();
  expect(await over(300)).toBeGreaterThan(1000);
  expect(states).toEqual(['made', 'taken-over']);
});

it.each<[string, (it: ReturnType<typeof scene>) => void]>([
  ['it is interrupted', ({ interrupt }) => interrupt.abort()],
  ['nobody measures any more', ({ lose }) => lose()],
])('is not undone before it was made, when %s', async (_, end) => {
  const it = scene();
  end(it);
  // Still being armed: what is undone now would be made afterwards.
  expect(await it.over(90)).toBeNull();
  // Its command has begun, and may break something yet.
  expect(await it.over(400)).toBeNull();
  it.making.error = null;
  expect(await it.over(100)).toBeLessThan(700);
});

it('a command that does not end is not waited for long', async () => {
  const { interrupt, over } = scene();
  await over(200);
  interrupt.abort();
  expect(await over(6000)).toBeLessThan(5500);
});
