import { describe, expect, it } from 'vitest';
import { type OwnService, ownTaskResource } from '../../../src/resources/own-task.js';
import { ageProbe } from '../../../src/resources/probes/age.js';
import { type ServiceFacts, serviceProbe } from '../../../src/resources/probes/service.js';
import type { Watch } from '../../../src/resources/types.js';
import { type Given, given, output, refusal, Unknown } from '../support/facts.js';

const WELL: ServiceFacts = {
  exists: true,
  active: 'active',
  enabled: 'enabled',
  masked: false,
  mainPid: 7,
  needsDaemonReload: false,
  loadedAge: 100,
};
const ABSENT: ServiceFacts = {
  ...WELL,
  exists: false,
  active: 'inactive',
  enabled: '',
  mainPid: 0,
  loadedAge: null,
};

function plan(
  wish: Partial<OwnService>,
  found: Partial<ServiceFacts> | Unknown,
  watches: readonly Watch[] = [],
  ...facts: Given[]
) {
  const resource = ownTaskResource(
    { type: 'service', name: 'foo', enabled: true, running: true, ...wish },
    { title: 'Foo', watches },
  );
  const value = found instanceof Unknown ? found : { ...WELL, ...found };
  return resource.plan(given([serviceProbe('foo'), value], ...facts));
}

const OFF = { enabled: false, running: false };

describe('a service', () => {
  it.each<[string, Partial<OwnService>, Partial<ServiceFacts>, string | null, string[]]>([
    ['well', {}, {}, null, []],
    ['reloading', {}, { active: 'reloading' }, null, []],
    ['not there yet', {}, ABSENT, 'not installed yet', ['enable', 'restart']],
    ['not there yet, not to be enabled', { enabled: false }, ABSENT, 'not installed yet', ['restart']],
    ['disabled', {}, { enabled: 'disabled' }, 'not enabled', ['enable']],
    ['stopped', {}, { active: 'inactive' }, 'not running (inactive)', ['restart']],
    ['failed', {}, { active: 'failed' }, 'failed', ['restart']],
    ['dying again and again', {}, { active: 'activating' }, 'not running (activating)', ['restart']],
    [
      'masked',
      {},
      { masked: true, enabled: 'masked', active: 'inactive' },
      'masked, not enabled, not running (inactive)',
      ['unmask', 'enable', 'restart'],
    ],
    ['off as it should be', OFF, { enabled: 'disabled', active: 'inactive' }, null, []],
    ['masked as good as off', OFF, { masked: true, enabled: 'masked', active: 'inactive' }, null, []],
    ['not there as good as off', OFF, ABSENT, null, []],
    ['on and should be off', OFF, {}, 'enabled, running (active)', ['disable', 'stop']],
    ['static, not to be enabled', { enabled: false }, { enabled: 'static' }, null, []],
  ])('%s', (_, wish, found, reason, verbs) => {
    const { change, problems } = plan(wish, found);
    expect(problems).toEqual([]);
    expect(change?.reason ?? null).toBe(reason);
    expect(change?.steps.map(({ title }) => title) ?? []).toEqual(
      verbs.map((verb) => `systemctl ${verb} foo`),
    );
    expect(change?.starts ?? []).toEqual(verbs.includes('restart') ? ['foo'] : []);
    for (const step of change?.steps ?? []) expect(step.limit).toBeTypeOf('number');
  });

  it('that cannot be enabled is refused', () => {
    expect(plan({}, { enabled: 'static' })).toMatchObject({
      change: null,
      problems: [{ severity: 'error', code: 'unit-not-enableable' }],
    });
  });

  it('whose unit was changed is read again', () => {
    expect(plan({}, { needsDaemonReload: true }).change).toMatchObject({
      steps: [{ title: 'systemctl daemon-reload' }],
      starts: [],
    });
  });

  it('that runs by an older file is told', () => {
    const watches: Watch[] = [
      { path: '/etc/a', handler: 'restart foo' },
      { path: '/etc/b', handler: 'reload foo' },
    ];
    const ages = (a: number | null, b: number | null) =>
      plan({}, {}, watches, [ageProbe('/etc/a'), a], [ageProbe('/etc/b'), b]).change;
    expect(ages(200, null)).toBeNull();
    expect(ages(50, 200)).toMatchObject({
      reason: 'runs by an older /etc/a',
      notify: ['restart foo'],
      steps: [],
    });
    expect(ages(50, 50)?.notify).toEqual(['restart foo', 'reload foo']);
    expect(() => plan({}, {}, watches)).toThrow('/etc/a');
  });

  it('is unknown where systemd does not say', () => {
    expect(() => plan({}, new Unknown())).toThrow('service:foo');
  });
});

it('the age of a file', () => {
  const probe = ageProbe('/etc/a');
  expect(probe.parse(output('1000.500\n1010.75\n'))).toEqual({ ok: true, value: 10.25 });
  expect(probe.parse(output('missing\n'))).toEqual({ ok: true, value: null });
  for (const answer of ['', '1000.500\n', 'a\nb\n']) expect(refusal(probe, output(answer))).not.toBeNull();
  expect(refusal(probe, output('', { exitCode: 1, stderr: 'stat: permission denied' }))).toContain('denied');
});
