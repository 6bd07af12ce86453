import { describe, expect, it } from 'vitest';
import { ageProbe } from '../../../src/resources/probes/age.js';
import { type FileFacts, fileProbe } from '../../../src/resources/probes/file.js';
import {
  type KeepalivedFacts,
  keepalivedProbe,
  type VrrpFacts,
} from '../../../src/resources/probes/keepalived.js';
import { type ServiceFacts, serviceProbe } from '../../../src/resources/probes/service.js';
import { serviceResource } from '../../../src/resources/service.js';
import { UnknownFact } from '../../../src/resources/types.js';
import { given, Unknown } from '../support/facts.js';

const CONFIG = '/etc/haproxy/haproxy.cfg';
const right: ServiceFacts = {
  exists: true,
  active: 'active',
  enabled: 'enabled',
  masked: false,
  mainPid: 7,
  needsDaemonReload: false,
  loadedAge: 100,
};
const file = (age: number): FileFacts => ({
  kind: 'file',
  mode: '640',
  owner: 'root',
  group: 'haproxy',
  age,
  content: '',
});

function plan(found: Partial<ServiceFacts> | Unknown, config: FileFacts | Unknown = file(500)) {
  const service = found instanceof Unknown ? found : { ...right, ...found };
  const facts = given([serviceProbe('haproxy'), service], [fileProbe(CONFIG), config]);
  return serviceResource('haproxy').plan(facts).change;
}

describe('keepalived', () => {
  const conf = 'vrrp_instance VI_1 {\n  priority 250\n}\nvrrp_instance VI_2 {\n  priority 240\n}\n';
  const vrrp = (instance: string, priority: number): VrrpFacts => ({
    ...{ instance, state: 'MASTER', virtualRouterId: 51, priority },
    ...{ effectivePriority: priority, duePriority: priority },
  });
  const planned = (dump: KeepalivedFacts | Unknown, age = 500) => {
    const config = { ...file(age), content: conf } as FileFacts;
    const facts = given(
      [serviceProbe('keepalived'), right],
      [fileProbe('/etc/keepalived/keepalived.conf'), config],
      [keepalivedProbe, dump],
    );
    return serviceResource('keepalived').plan(facts).change;
  };
  const running = (...instances: VrrpFacts[]) => ({ running: true as const, switchover: 0, instances });

  it('that still runs as the owner of its addresses reads its file again', () => {
    const change = planned(running(vrrp('VI_1', 255), vrrp('VI_2', 240)));
    expect(change).toMatchObject({
      reason: 'VI_1 runs with priority 255, not 250',
      notify: ['reload keepalived'],
      steps: [],
    });
  });

  it.each<[string, KeepalivedFacts | Unknown]>([
    ['by the file', running(vrrp('VI_1', 250), vrrp('VI_2', 240))],
    ['with an instance that the file does not name', running(vrrp('VI_9', 255))],
    ['and does not tell', new Unknown('no dump')],
  ])('that runs %s is left alone', (_, dump) => {
    expect(planned(dump)).toBeNull();
  });

  it('that has missed an edit is told so once', () => {
    expect(planned(running(vrrp('VI_1', 255)), 10)?.notify).toEqual(['reload keepalived']);
  });
});

describe('a service', () => {
  it.each<[string, Partial<ServiceFacts>, string, string[]]>([
    ['not enabled', { enabled: 'disabled' }, 'not enabled', ['systemctl enable haproxy']],
    ['enabled until the reboot', { enabled: 'enabled-runtime' }, 'not enabled', ['systemctl enable haproxy']],
    [
      'stopped',
      { active: 'inactive', loadedAge: null },
      'not running (inactive)',
      ['systemctl restart haproxy'],
    ],
    [
      'given up on by systemd',
      { active: 'failed', loadedAge: null },
      'failed',
      ['systemctl restart haproxy'],
    ],
    [
      'masked',
      { masked: true, enabled: 'masked', active: 'inactive', loadedAge: null },
      'masked, not enabled, not running (inactive)',
      ['systemctl unmask haproxy', 'systemctl enable haproxy', 'systemctl restart haproxy'],
    ],
    [
      'left masked by an installation that was killed',
      { masked: true, enabled: 'masked-runtime', active: 'inactive', loadedAge: null },
      'masked, not enabled, not running (inactive)',
      ['systemctl unmask --runtime haproxy', 'systemctl enable haproxy', 'systemctl restart haproxy'],
    ],
    [
      'stopped, and on older unit files',
      { active: 'inactive', loadedAge: null, needsDaemonReload: true },
      'not running (inactive)',
      ['systemctl daemon-reload', 'systemctl restart haproxy'],
    ],
    [
      'on older unit files',
      { needsDaemonReload: true },
      'its unit files are newer than what systemd runs by',
      ['systemctl daemon-reload'],
    ],
  ])('%s', (_, found, reason, steps) => {
    const change = plan(found);
    expect(change?.reason).toBe(reason);
    expect(change?.steps.map((it) => it.title)).toEqual(steps);
    expect(change?.starts).toEqual(steps.includes('systemctl restart haproxy') ? ['haproxy'] : []);
    for (const { limit } of change?.steps ?? []) expect(limit).not.toBe('none');
  });

  it.each<[string, Partial<ServiceFacts>]>([
    ['as it should be', {}],
    ['reloading just now', { active: 'reloading' }],
  ])('nothing to do: %s', (_, found) => {
    expect(plan(found)).toBeNull();
  });

  it('not installed yet: the plan of a bare host goes on', () => {
    const change = plan(
      { exists: false, active: 'inactive', enabled: '', loadedAge: null },
      { kind: 'missing' },
    );
    expect(change).toMatchObject({ verb: 'create', reason: 'not installed yet', starts: ['haproxy'] });
  });

  it.each([
    ['read before the file was written', 100, 50, true],
    ['read after it was written', 100, 150, false],
    ['at once', 100, 99.99, false],
    ['just before', 100, 99.9, true],
    ['a file from the future', 100, -3600, true],
  ])('a configuration that was %s', (_, loadedAge, age, stale) => {
    const change = plan({ loadedAge }, file(age));
    expect(change?.notify ?? []).toEqual(stale ? ['reload haproxy'] : []);
    // A reload is enough; the service is not restarted for it.
    if (stale) expect(change).toMatchObject({ steps: [], starts: [], silent: false });
  });

  it('a file that it reads besides, and that changed since', () => {
    const watches = [
      { path: '/etc/site.pem', handler: 'reload haproxy' },
      { path: '/etc/map', handler: 'reload haproxy' },
      { path: '/etc/future', handler: 'reload haproxy' },
    ] as const;
    const facts = given(
      [serviceProbe('haproxy'), right],
      [fileProbe(CONFIG), file(500)],
      [ageProbe('/etc/site.pem'), 10],
      [ageProbe('/etc/map'), null],
      [ageProbe('/etc/future'), -5],
    );
    const { change } = serviceResource('haproxy', { watches }).plan(facts);
    expect(change).toMatchObject({ reason: 'runs by an older /etc/site.pem', notify: ['reload haproxy'] });
  });

  it.each([
    ['the service', new Unknown(), file(1)],
    ['the file', {}, new Unknown()],
  ])('unknown where %s is unknown', (_, found, config) => {
    expect(() => plan(found, config)).toThrow(UnknownFact);
  });
});
