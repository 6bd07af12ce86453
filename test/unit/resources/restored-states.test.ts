import { describe, expect, it } from 'vitest';
import { restorePlays } from '../../../src/planning/restore.js';
import { type KeptFacts, keptProbe } from '../../../src/resources/probes/generation.js';
import { restoredBooleans, statesNowProbe } from '../../../src/resources/restore/down-states.js';
import type { Resource } from '../../../src/resources/types.js';
import { given } from '../support/facts.js';
import { clusterOf } from '../support/model.js';

const QUERY = { by: 'since', number: 7 } as const;

const kept = (states: Record<string, string>): KeptFacts => ({
  kind: 'kept',
  folder: '/kept/7',
  files: [],
  states,
  model: null,
});

/** The steps that make of a host what was kept of it. */
function steps(resource: Resource, was: Record<string, string>, is: Record<string, string>): string[] {
  const facts = given([keptProbe(QUERY), kept(was)], [statesNowProbe, is]);
  return (resource.plan(facts).change?.steps ?? []).map(({ title }) => title);
}

describe('a rollback puts back', () => {
  it.each<[what: string, was: Record<string, string>, is: Record<string, string>, expected: string[]]>([
    [
      'SELinux booleans',
      { selinux: 'Enforcing', 'boolean.haproxy_connect_any': 'off', 'boolean.keepalived_connect_any': 'on' },
      { selinux: 'Permissive', 'boolean.haproxy_connect_any': 'on', 'boolean.keepalived_connect_any': 'on' },
      ['setsebool haproxy_connect_any=off'],
    ],
    ['none that the host no longer knows', { 'boolean.haproxy_connect_any': 'off' }, {}, []],
    ['none that was not kept', {}, { 'boolean.haproxy_connect_any': 'on' }, []],
  ])('%s', (_, was, is, expected) => {
    expect(steps(restoredBooleans(QUERY), was, is)).toEqual(expected);
  });

  it('with everything else of a host, before its services', () => {
    const { resources } = restorePlays(clusterOf().hosts, { query: QUERY, goal: 'serving', gated: true });
    const [prepare] = resources[0]?.plays ?? [];
    const ids = (prepare ?? []).map(({ resource }) => resource.id);
    expect(ids).toEqual(expect.arrayContaining(['firewall', 'selinux', 'selinux_booleans', 'sysctl']));
  });
});
