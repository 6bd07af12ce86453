import { describe, expect, it } from 'vitest';
import { ok } from '../../../src/base/result.js';
import { raw } from '../../../src/base/shell.js';
import { probeSections } from '../../../src/engine/observe.js';
import { fileProbe } from '../../../src/resources/probes/file.js';
import type { Probe } from '../../../src/resources/types.js';

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
