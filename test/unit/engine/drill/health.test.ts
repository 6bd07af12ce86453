import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Observations } from '../../../../src/engine/assess.js';
import type { ClusterStatus, Problem } from '../../../../src/engine/documents.js';
import { healthCheck, untilPassed } from '../../../../src/engine/drill/health.js';
import { HAPROXY_CFG } from '../../../../src/render/platform.js';
import { upPlaybook } from '../../support/converge.js';
import { edit, inspected, type Odd, told } from '../../support/inspected.js';
import type { SimulatedPair } from '../../support/simulated-pair.js';

const look = (spoil: (pair: SimulatedPair) => void, odd: Odd = {}) =>
  inspected((cluster) => healthCheck(cluster, upPlaybook()), spoil, odd);
const lock = (age: number) =>
  `token=x\nwho=ann@pc\ncommand=lbctl drill\nsince=2026-01-01T00:00:00Z\nage=${age}\nstep=no\n`;

it.each<[string, (pair: SimulatedPair) => void, Odd, string, string[]]>([
  [
    'healthy, and its lock is our own',
    () => {},
    { 'lb1 lock-look': lock(0), 'lb2 lock-look': lock(0) },
    'healthy',
    [],
  ],
  [
    'a file on disk with which HAProxy would not start again',
    (pair) => edit(pair, 'lb2', HAPROXY_CFG, (it) => `${it}nonsense\n`),
    {},
    'degraded',
    ['lb2 config_differs'],
  ],
  [
    'a stranger answers for the address',
    () => {},
    { 'lb1 answering': 'answers 10.0.0.100 02:00:00:00:00:99\nend\n' },
    'split_brain',
    ['null foreign_holder'],
  ],
  [
    'clients are not answered through the address, besides',
    (pair) => edit(pair, 'lb2', HAPROXY_CFG, (it) => `${it}nonsense\n`),
    { 'lb2 through-vip': '0|no||\n' },
    'down',
    ['lb2 config_differs', 'lb2 no_answer'],
  ],
  [
    'what both judgements name is told once',
    (pair) => {
      const service = pair.host('lb2').services.get('keepalived');
      if (service !== undefined) service.active = 'inactive';
    },
    {},
    'degraded',
    ['lb2 keepalived_not_running', 'null not_verified'],
  ],
])('a pair that is to be broken: %s', async (_, spoil, odd, state, problems) => {
  const found = await look(spoil, odd);
  expect(told(found)).toEqual(problems);
  expect(found.state).toBe(state);
});

describe('before a pair is called unhealthy', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const problem = (code: string): Problem => ({ code, message: code, host: 'lb1' });
  const status = (...problems: Problem[]): ClusterStatus => ({
    ...{ name: 'web', state: problems.length === 0 ? 'healthy' : 'degraded', problems },
    ...{ virtual_ips: [], hosts: [], servers: [], notices: [] },
  });
  const skipped = status(problem('log_script'));

  /** How many looks it took, and what came of them; `seen`: look by look, the last one over and over. */
  async function looks(seen: readonly ClusterStatus[], signal = new AbortController().signal) {
    vi.useFakeTimers();
    const numbers: Observations[] = [];
    const look = async () => {
      const it: Observations = new Map();
      numbers.push(it);
      return it;
    };
    const first = await look();
    const judge = (it: Observations) => seen[Math.min(numbers.indexOf(it), seen.length - 1)] ?? skipped;
    const found = untilPassed({ judge, first, look, signal });
    await vi.advanceTimersByTimeAsync(60_000);
    const { state, problems } = (await found).status;
    return { times: numbers.length, state, codes: problems.map(({ code }) => code) };
  }

  it('a check that was skipped a moment ago is waited for, and for so long only', async () => {
    expect(await looks([skipped, skipped, status()])).toEqual({ times: 3, state: 'healthy', codes: [] });
    const { times, state } = await looks([skipped]);
    expect(state).toBe('degraded');
    expect(times).toBeGreaterThan(12);
    expect(times).toBeLessThan(20);
  });

  it('nothing else is', async () => {
    const wrong = status(problem('log_script'), problem('config_differs'));
    expect(await looks([wrong, status()])).toEqual({
      ...{ times: 1, state: 'degraded', codes: ['log_script', 'config_differs'] },
    });
    expect((await looks([skipped], AbortSignal.abort())).times).toBe(1);
  });
});
