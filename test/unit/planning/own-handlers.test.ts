import { describe, expect, it } from 'vitest';
import { buildResources } from '../../../src/planning/build-resources.js';
import { planCluster } from '../../../src/planning/plan.js';
import { parsePlaybook } from '../../../src/playbook/parse.js';
import { ageProbe } from '../../../src/resources/probes/age.js';
import { fileProbe } from '../../../src/resources/probes/file.js';
import { type ServiceFacts, serviceProbe } from '../../../src/resources/probes/service.js';
import { type Given, given } from '../support/facts.js';
import { clusterOf } from '../support/model.js';

const running: ServiceFacts = {
  exists: true,
  active: 'active',
  enabled: 'enabled',
  masked: false,
  mainPid: 9,
  needsDaemonReload: false,
  loadedAge: 10,
};
const stopped: ServiceFacts = { ...running, active: 'inactive', mainPid: 0, loadedAge: null };

/** What runs on lb1, in its order. */
function work(tasks: string, ...facts: Given[]): string[] {
  const parsed = parsePlaybook(
    `- play: own\n  tasks:\n${tasks.replace(/^/gm, '    ')}\n`,
    'own.yaml',
    '/srv',
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const cluster = clusterOf();
  const plan = planCluster({
    cluster,
    playbook: parsed.value,
    resources: buildResources(parsed.value, cluster, new Map()),
    facts: new Map([['lb1', given(...facts)]]),
    holders: new Set(),
    limit: new Set(['lb1']),
  });
  expect(plan.problems).toEqual([]);
  return plan.batches.flatMap((batch) =>
    batch.work.flatMap(({ items }) => items.map(({ resource }) => resource)),
  );
}

const FILE = '- file: { path: /etc/foo, content: a }\n  notify: [restart foo]';
const OTHER = '- file: { path: /etc/bar, content: a }\n  notify: [reload foo, reload haproxy, restart foo]';
const SERVICE = '- service: { name: foo }';
const missing = (path: string): Given[] => [
  [fileProbe(path), { kind: 'missing' }],
  [ageProbe(path), null],
];
const there = (path: string, age: number, mode = '644'): Given[] => [
  [fileProbe(path), { kind: 'file', mode, owner: 'root', group: 'root', age, content: 'a' }],
  [ageProbe(path), age],
];

describe("handlers of an operator's own services", () => {
  it('run once, after the changes, lbctl’s own first', () => {
    expect(
      work(`${FILE}\n${OTHER}\n${SERVICE}`, ...missing('/etc/foo'), ...missing('/etc/bar'), [
        serviceProbe('foo'),
        running,
      ]),
    ).toEqual(['file:/etc/foo', 'file:/etc/bar', 'reload haproxy', 'restart foo', 'reload foo']);
  });

  it('are left out where the service starts after what it is told of', () => {
    expect(work(`${FILE}\n${SERVICE}`, ...missing('/etc/foo'), [serviceProbe('foo'), stopped])).toEqual([
      'file:/etc/foo',
      'service:foo',
    ]);
  });

  it('run where the service starts before', () => {
    expect(work(`${SERVICE}\n${FILE}`, ...missing('/etc/foo'), [serviceProbe('foo'), stopped])).toEqual([
      'service:foo',
      'file:/etc/foo',
      'restart foo',
    ]);
  });

  it('run where an earlier run was cut off before them', () => {
    const at = (age: number) =>
      work(`${FILE}\n${SERVICE}`, ...there('/etc/foo', age), [serviceProbe('foo'), running]);
    expect(at(5)).toEqual(['restart foo']);
    expect(at(15)).toEqual([]);
    // Dated in the future, by a clock that was set back.
    expect(at(-5)).toEqual([]);
  });

  it('do not run for a mode alone', () => {
    expect(
      work(`${FILE}\n${SERVICE}`, ...there('/etc/foo', 15, '600'), [serviceProbe('foo'), running]),
    ).toEqual(['file:/etc/foo']);
  });
});
