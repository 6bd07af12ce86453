import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standbyFirst } from '../../../src/planning/order.js';

describe('in which order the hosts of a cluster are changed', () => {
  it.each<[what: string, hosts: string, holders: string, order: string]>([
    ['the preferred host holds', 'a b', 'a', 'b a'],
    ['the other one holds', 'a b', 'b', 'a b'],
    ['nobody holds: the preferred host first', 'a b', '', 'a b'],
    ['both hold, each an address of its own', 'a b', 'a b', 'b a'],
    ['three, the preferred one holds', 'a b c', 'a', 'c b a'],
    ['three, the last one holds', 'a b c', 'c', 'b a c'],
    ['three, two hold', 'a b c', 'a c', 'b c a'],
    ['three, nobody holds', 'a b c', '', 'a b c'],
    ['a holder that is no host of the cluster', 'a b', 'x', 'b a'],
  ])('%s', (_, hosts, holders, order) => {
    const standing = { hosts: hosts.split(' '), holders: new Set(holders.split(' ').filter(Boolean)) };
    expect(standbyFirst(standing).join(' ')).toBe(order);
  });

  it('every host once, and no holder before a standby', () => {
    const names = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1 });
    fc.assert(
      fc.property(names, names, (hosts, some) => {
        const holders = new Set(some);
        const order = standbyFirst({ hosts, holders });
        expect([...order].sort()).toEqual([...hosts].sort());
        const held = order.map((host) => holders.has(host));
        expect(held.indexOf(true) === -1 || held.slice(held.indexOf(true)).every(Boolean)).toBe(true);
      }),
    );
  });
});
