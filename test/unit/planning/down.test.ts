import { describe, expect, it } from 'vitest';
import { downBatches, downPlays } from '../../../src/planning/down.js';
import type { Batch } from '../../../src/planning/types.js';
import { GENERATED, HAPROXY_CFG, KEEPALIVED_CONF } from '../../../src/render/platform.js';
import { ownPackageProbe } from '../../../src/resources/own-package.js';
import { fileProbe } from '../../../src/resources/probes/file.js';
import { type KeptFacts, keptProbe } from '../../../src/resources/probes/generation.js';
import { networkProbe } from '../../../src/resources/probes/network.js';
import { type ServiceFacts, serviceProbe } from '../../../src/resources/probes/service.js';
import { keepalivedBefore, purgedPackage, releasedAddresses } from '../../../src/resources/restore/down.js';
import { BEFORE } from '../../../src/resources/restore/down-states.js';
import { given } from '../support/facts.js';
import { clusterOf } from '../support/model.js';

const CLUSTER = clusterOf();

function batch(play: string, ...hosts: string[]): Batch {
  return { play, work: hosts.map((host) => ({ host, items: [] })), gates: [] };
}

describe('the batches of down', () => {
  it('release one host after the other before anything else, then all hosts at once, however they were ordered', () => {
    const { playbook } = downPlays({ cluster: CLUSTER, hosts: [], purge: () => [] });
    const [release = '', haproxy = ''] = playbook.map(({ name }) => name);
    // An unfit standby comes first with all its plays in other plans.
    const mixed = [
      batch(release, 'b'),
      batch(haproxy, 'b'),
      batch('keepalived', 'b'),
      batch(release, 'a'),
      batch(haproxy, 'a'),
      batch('keepalived', 'a'),
    ];
    expect(
      downBatches(playbook, mixed).map(
        ({ play, work }) => `${play}: ${work.map(({ host }) => host).join(' ')}`,
      ),
    ).toEqual([`${release}: b`, `${release}: a`, `${haproxy}: b a`, 'keepalived: b a']);
  });
});

const service = (active: string): ServiceFacts => ({
  exists: true,
  active,
  enabled: 'enabled',
  masked: false,
  mainPid: 1,
  needsDaemonReload: false,
  loadedAge: 1,
});

function kept(state: 'same' | 'content', ran: boolean, more: Record<string, string> = {}): KeptFacts {
  return {
    kind: 'kept',
    folder: '/kept/0',
    files: [{ path: KEEPALIVED_CONF, state, now: 'now', kept: 'old' }],
    states: {
      'keepalived.ActiveState': ran ? 'active' : 'inactive',
      'keepalived.UnitFileState': ran ? 'enabled' : 'disabled',
      'keepalived.LoadState': 'loaded',
      ...more,
    },
    model: null,
  };
}

describe('keepalived', () => {
  it.each<
    [what: string, active: string, state: 'same' | 'content', ran: boolean, stops: boolean, again: boolean]
  >([
    ["runs by lbctl's file, never ran before", 'active', 'content', false, true, false],
    ["runs by lbctl's file, ran by its own before", 'active', 'content', true, true, true],
    ['runs by its own file again', 'active', 'same', true, false, false],
    ['is stopped, and ran before: the run was interrupted', 'inactive', 'content', true, false, true],
    ['is stopped, and never ran', 'inactive', 'same', false, false, false],
  ])('that %s', (_, active, state, ran, stops, again) => {
    const facts = given(
      [keptProbe(BEFORE), kept(state, ran)],
      [serviceProbe('keepalived'), service(active)],
      [networkProbe, []],
      [fileProbe(KEEPALIVED_CONF), { kind: 'missing' }],
    );
    expect(releasedAddresses(CLUSTER).plan(facts).change !== null).toBe(stops);
    const steps =
      keepalivedBefore()
        .plan(facts)
        .change?.steps.map(({ title }) => title) ?? [];
    expect(steps.some((it) => it.includes('restart'))).toBe(again);
  });
});

describe('packages with --purge', () => {
  it.each<[before: string | undefined, version: string | null, goes: boolean]>([
    ['', '2.4', true],
    ['not-installed ', '2.4', true],
    ['config-files 2.2', '2.4', true],
    ['installed 2.2', '2.4', false],
    ['haproxy-2.4-1.el9.x86_64', '2.4', false],
    ['', null, false],
    [undefined, '2.4', false],
  ])('that were "%s" before and are %s now', (before, version, goes) => {
    const facts = given(
      [keptProbe(BEFORE), kept('same', false, before === undefined ? {} : { 'package.haproxy': before })],
      [ownPackageProbe('haproxy'), { version, broken: null }],
    );
    expect(purgedPackage('haproxy').plan(facts).change !== null).toBe(goes);
  });
});

describe('HAProxy in down', () => {
  it.each([
    ['active', ['reload haproxy']],
    ['inactive', []],
  ])('that was %s before lbctl is told: %j', (was, told) => {
    const { resources } = downPlays({ cluster: CLUSTER, hosts: CLUSTER.hosts, purge: () => [] });
    const config = resources[0]?.plays.flat().find(({ resource }) => resource.id === 'haproxy_config');
    const ours = `${GENERATED}\n`;
    const facts = given([
      keptProbe(BEFORE),
      {
        kind: 'kept',
        folder: '/kept/0',
        files: [{ path: HAPROXY_CFG, state: 'content', now: `${ours}a`, kept: `${ours}b` }],
        states: { 'haproxy.ActiveState': was },
        model: null,
      } as unknown as KeptFacts,
    ]);
    expect(config?.resource.plan(facts).change?.notify).toEqual(told);
  });
});
