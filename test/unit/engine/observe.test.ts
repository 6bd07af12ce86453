import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ok } from '../../../src/base/result.js';
import { raw } from '../../../src/base/shell.js';
import { frame, parseFrame } from '../../../src/engine/framing.js';
import { probeSections, probeSectionsBeside } from '../../../src/engine/observe.js';
import { fileProbe } from '../../../src/resources/probes/file.js';
import { serviceProbe } from '../../../src/resources/probes/service.js';
import type { Probe } from '../../../src/resources/types.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const probe = (key: string, more: Partial<Probe<string>> = {}): Probe<string> => ({
  key,
  script: raw(key),
  parse: ({ stdout }) => ok(stdout),
  ...more,
});

const ids = (probes: readonly Probe<unknown>[]) =>
  probeSections(probes).map(({ id, shared }) => (shared === true ? `(${id})` : id));

describe('the questions to a host', () => {
  it('are each asked once, in their order', () => {
    expect(ids([probe('b'), probe('a'), probe('b')])).toEqual(['b', 'a']);
  });

  it('that take their time are begun first and asked last', () => {
    const dump = probe('dump', { ahead: raw('begin'), late: true });
    expect(ids([dump, probe('a'), probe('slow', { late: true }), probe('b')])).toEqual([
      ...['(dump:ahead)', 'a', 'b', 'dump', 'slow'],
    ]);
  });

  it('that tell who was at work come before what they may have changed', () => {
    const dump = probe('dump', { ahead: raw('begin'), late: true, asksUnit: 'keepalived' });
    const probes = [dump, probe('service', { asksUnit: 'haproxy' }), probe('lock', { early: true })];
    expect(ids(probes)).toEqual(['lock', '(units)', '(dump:ahead)', 'service', 'dump']);
  });

  it('begin nothing where there is only one', () => {
    expect(ids([probe('dump', { ahead: raw('begin'), late: true })])).toEqual(['dump']);
  });

  it('learn of the units before anything begins that needs them', () => {
    const dump = probe('dump', { ahead: raw('begin'), late: true, asksUnit: 'keepalived' });
    expect(ids([dump, probe('service', { asksUnit: 'haproxy' })])).toEqual([
      ...['(units)', '(dump:ahead)', 'service', 'dump'],
    ]);
  });

  it('about files are one, before those whose answer takes its time', () => {
    const file = (path: string) => fileProbe(path) as Probe<unknown>;
    expect(ids([file('/a'), probe('dump', { late: true }), probe('b'), file('/c')])).toEqual([
      'b',
      'files',
      'dump',
    ]);
    expect(ids([file('/a'), probe('b')])).toEqual(['file:/a', 'b']);
    expect(ids([file('/a'), file('/proc/sys/x'), probe('b')])).toEqual(['file:/a', 'file:/proc/sys/x', 'b']);
  });
});

describe('the questions at the end of a change', () => {
  const ids = (probes: readonly Probe<unknown>[]) =>
    probeSectionsBeside(probes, '/run/x').map(({ id, shared }) => (shared === true ? `(${id})` : id));
  const dump = probe('dump', { ahead: raw('begin'), late: true, asksUnit: 'keepalived' });

  it('let systemd answer beside what has nothing to do with units', () => {
    const network = probe('network', { ahead: raw('begin') });
    expect(ids([dump, network, probe('service', { asksUnit: 'haproxy' }), probe('file')])).toEqual([
      ...[
        '(begins units)',
        '(network:ahead)',
        'network',
        'file',
        '(units)',
        '(dump:ahead)',
        'service',
        'dump',
      ],
    ]);
  });

  it('are as ever where only one is about a unit', () => {
    expect(ids([dump, probe('file')])).toEqual(['(dump:ahead)', 'file', 'dump']);
  });

  it.each([
    [
      'told by one call',
      'printf "Id=%s.service\\nLoadState=loaded\\nActiveState=active\\n\\n" haproxy keepalived',
      1,
    ],
    [
      'asked by each where that call fails',
      '[ "$3" = -p ] || exit 1; echo "Id=$2.service"; echo LoadState=loaded; echo ActiveState=active',
      3,
    ],
  ])('%s', (_, code, calls) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\necho call >>${folder}/calls\n${code}\n`, {
      mode: 0o755,
    });
    const services = ['haproxy', 'keepalived'].map((it) => serviceProbe(it) as Probe<unknown>);
    const script = frame(probeSectionsBeside(services, `${folder}/beside`), 'mark');
    const result = runShell(script, { path: folder });
    const { finished } = parseFrame({ ...result, signal: null, timedOut: false, durationMs: 1 }, 'mark');
    expect(finished.map(({ id, exitCode }) => [id, exitCode])).toEqual([
      ['service:haproxy', 0],
      ['service:keepalived', 0],
    ]);
    for (const { id, stdout } of finished)
      expect(stdout).toContain(`Id=${id.replace('service:', '')}.service`);
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('call\n'.repeat(calls));
    // What units are told may hold somebody's secrets.
    expect(statSync(join(folder, 'beside')).mode & 0o777).toBe(0o600);
  });
});
