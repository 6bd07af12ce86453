import { expect, it } from 'vitest';
import { healthCheck } from '../../../../src/engine/drill/health.js';
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
