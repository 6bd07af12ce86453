import { describe, expect, it } from 'vitest';
import { classify, INTERRUPTION } from '../../../src/planning/classes.js';
import { type Change, type HandlerName, planned } from '../../../src/resources/types.js';
import { clusterOf } from '../support/model.js';

function change(of: Partial<Change>): Change {
  const made = planned({ resource: 'x', title: 'x', verb: 'update', reason: 'differs', steps: [], ...of });
  if (made.change === null) throw new Error('no change');
  return made.change;
}

const KEEPALIVED = 'reload keepalived' as const;
const HAPROXY = 'reload haproxy' as const;

describe('the class of a change, and what clients may notice', () => {
  it.each<
    [
      what: string,
      change: Partial<Change>,
      notify: readonly HandlerName[],
      host: string,
      active: string,
      kind: string,
      interruption: keyof typeof INTERRUPTION,
    ]
  >([
    ['a file that nothing reads', {}, [], 'lb1', 'lb1', 'none', 'none'],
    ['HAProxy, on the active host', {}, [HAPROXY], 'lb1', 'lb1', 'reload', 'none'],
    ['on a bare pair', { starts: ['haproxy'] }, [], 'lb1', '', 'start', 'idle'],
    ['keepalived, on the active host', {}, [KEEPALIVED], 'lb1', 'lb1', 'reload', 'none'],
    ['keepalived, on the standby', {}, [KEEPALIVED], 'lb2', 'lb1', 'reload', 'none'],
    ['keepalived, on a standby that is preferred', {}, [KEEPALIVED], 'lb1', 'lb2', 'reload', 'move'],
    ['a service of the preferred host', { starts: ['keepalived'] }, [], 'lb1', 'lb2', 'start', 'move'],
    ['a service of the other host', { starts: ['keepalived'] }, [], 'lb2', 'lb1', 'start', 'none'],
    ['a restart, on the active host', { restarts: true }, [], 'lb1', 'lb1', 'restart', 'move'],
    ['a restart, on the standby', { restarts: true }, [], 'lb2', 'lb1', 'restart', 'none'],
    ['your own restart, on the active host', {}, ['restart haproxy'], 'lb1', 'lb1', 'restart', 'own'],
    ["another service's restart", {}, ['restart exporter'], 'lb1', 'lb1', 'none', 'none'],
    ['a password', { coordination: 'together' }, [KEEPALIVED], 'lb1', 'lb1', 'together', 'together'],
    ['a router id', { coordination: 'anew' }, [KEEPALIVED], 'lb1', 'lb1', 'together', 'anew'],
    [
      'an address more',
      { coordination: 'together', addresses: 'added' },
      [KEEPALIVED],
      'lb1',
      'lb1',
      'vip_added',
      'added',
    ],
    ['another address', { addresses: 'replaced' }, [KEEPALIVED], 'lb2', 'lb1', 'vip_replaced', 'removed'],
  ])('%s', (_, of, notify, host, active, kind, interruption) => {
    const holders = new Set(active.split(' ').filter(Boolean));
    const found = classify({ cluster: clusterOf(), host, change: change(of), notify, active: holders });
    expect(found).toEqual({ class: kind, interruption: INTERRUPTION[interruption] });
  });

  it('a preferred host that does not preempt attracts nothing', () => {
    const cluster = clusterOf(['      VI_1:\n', '      VI_1:\n        preempt: false\n']);
    const input = { host: 'lb1', change: change({}), notify: [KEEPALIVED], active: new Set(['lb2']) };
    expect(classify({ cluster, ...input }).interruption).toBe(INTERRUPTION.none);
  });
});
