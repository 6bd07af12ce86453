import { describe, expect, test } from 'vitest';
import type { PlanDocument } from '../../../src/engine/documents.js';
import { formatPlan } from '../../../src/report/plan.js';

const diff =
  '--- /etc/haproxy/haproxy.cfg\n+++ /etc/haproxy/haproxy.cfg\n@@ -1,2 +1,2 @@\n global\n-old\x1b[31m\n+new\n';

const QUIET = { class: 'none', interruption: 'no failed requests' } as const;
const RELOAD = { class: 'reload', interruption: 'no failed requests' } as const;

const web: PlanDocument['clusters'][number] = {
  name: 'web',
  status: 'changes',
  changes: [
    {
      ...{
        host: 'lb2',
        resource: 'packages',
        verb: 'create',
        reason: 'keepalived is not installed',
        diff: null,
      },
      ...QUIET,
    },
    { ...{ host: 'lb2', resource: 'haproxy_config', verb: 'update', reason: 'differs', diff }, ...RELOAD },
    {
      ...{ host: 'lb1', resource: 'file:/etc/old.cfg', verb: 'delete', reason: 'not wanted', diff: null },
      ...QUIET,
    },
  ],
  problems: [],
};
const db: PlanDocument['clusters'][number] = { name: 'db', status: 'noop', changes: [], problems: [] };
const broken: PlanDocument['clusters'][number] = {
  name: 'edge',
  status: 'error',
  changes: [],
  problems: [{ code: 'host_unreachable', message: 'connection refused', host: 'lb1' }],
};

const format = (clusters: PlanDocument['clusters'], withDiffs = false) =>
  formatPlan({ clusters }, { color: false, diff: withDiffs });

describe('plan in words', () => {
  test('changes by host, with diffs', () => {
    expect(format([web, db], true)).toMatchInlineSnapshot(`
      "web: 1 to create, 1 to update, 1 to delete on 2 hosts
        lb2
          +  packages        keepalived is not installed
          ~  haproxy_config  differs
              --- /etc/haproxy/haproxy.cfg
              +++ /etc/haproxy/haproxy.cfg
              @@ -1,2 +1,2 @@
               global
              -old\\x1b[31m
              +new
        lb1
          -  file:/etc/old.cfg  not wanted
        what clients may notice
          none    lb2, lb1  no failed requests
          reload  lb2       no failed requests

      1 to create, 1 to update, 1 to delete on 2 hosts."
    `);
  });

  test('without diffs', () => {
    expect(format([web])).not.toContain('@@');
  });

  test('hosts of the same name in two clusters are two hosts', () => {
    expect(format([web, { ...web, name: 'other' }])).toMatch(
      /\n\n2 to create, 2 to update, 2 to delete on 4 hosts\.$/,
    );
  });

  test('nothing to do', () => {
    expect(format([db])).toBe('No changes.');
  });

  test('a cluster that cannot be planned is never "no changes"', () => {
    expect(format([db, broken])).toMatchInlineSnapshot(`
      "edge: cannot be planned
        ! lb1: connection refused [host_unreachable]

      1 cluster could not be planned."
    `);
    expect(format([web, broken])).toMatch(/on 2 hosts\. 1 cluster could not be planned\.$/);
  });

  test('diffs are coloured', () => {
    const colored = formatPlan({ clusters: [web] }, { color: true, diff: true });
    expect(colored).toContain('\x1b[32m+new\x1b[39m');
    expect(colored).toContain('\x1b[31m-old\\x1b[31m\x1b[39m');
    expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(format([web], true));
  });
});
