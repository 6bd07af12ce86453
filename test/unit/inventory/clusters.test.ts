import { describe, expect, it } from 'vitest';
import { accepted, change, complaints } from './helpers.js';

interface Wish {
  readonly name: string;
  /** The last numbers of its two hosts and its virtual address on 10.0.0.0/24 (or the network given). */
  readonly last: readonly [number, number, number];
  readonly network?: string;
  readonly instance?: string;
  readonly vip?: string;
}

function cluster({
  name,
  last: [one, two, vip],
  network = '10.0.0',
  instance = '',
  vip: written,
}: Wish): string {
  return `  ${name}:
    hosts: { ${name}1: ${network}.${one}, ${name}2: ${network}.${two} }
    vrrp_instances: { VI_1: { ${instance}virtual_ipaddress: [${written ?? `${network}.${vip}/24`}] } }
    haproxy: { frontends: { f: { bind: [80], default_backend: b } }, backends: { b: { servers: { s: "10.9.9.9:80" } } } }
`;
}

function inventory(...wishes: Wish[]): string {
  return `clusters:\n${wishes.map(cluster).join('')}`;
}

describe('several clusters', () => {
  it('may be on different subnets with one router id', () => {
    const text = inventory({ name: 'a', last: [1, 2, 3] }, { name: 'b', last: [1, 2, 3], network: '10.0.1' });
    expect(accepted(text).clusters.map(({ vrrpInstances }) => vrrpInstances[0]?.virtualRouterId)).toEqual([
      51, 51,
    ]);
  });

  it('need router ids on one subnet', () => {
    const text = inventory({ name: 'a', last: [1, 2, 3] }, { name: 'b', last: [4, 5, 6] });
    expect(complaints(text)).toEqual([
      '4:23: "VI_1" needs a "virtual_router_id": "VI_1" of the cluster "b" is on the same subnet (from 1 to 255, another for each)',
      '8:23: "VI_1" needs a "virtual_router_id": "VI_1" of the cluster "a" is on the same subnet (from 1 to 255, another for each)',
    ]);
  });

  it('need router ids that differ', () => {
    const instance = 'virtual_router_id: 9, ';
    const text = inventory(
      { name: 'a', last: [1, 2, 3], instance },
      { name: 'b', last: [4, 5, 6], instance },
    );
    expect(complaints(text)).toEqual([
      '8:50: the virtual_router_id 9 is already that of "VI_1" of the cluster "a" on the same subnet',
    ]);
  });

  it('take subnets of different size for one where they overlap', () => {
    const text = inventory(
      { name: 'a', last: [1, 2, 3], instance: 'virtual_router_id: 9, ' },
      { name: 'b', last: [4, 5, 6], instance: 'virtual_router_id: 9, ', vip: '10.0.0.6/16' },
    );
    expect(complaints(text)).toHaveLength(1);
  });

  it('take the wire of a /32 from the hosts', () => {
    const text = inventory(
      { name: 'a', last: [1, 2, 3] },
      { name: 'b', last: [4, 5, 6], vip: '10.0.0.6/32' },
    );
    expect(complaints(text)).toHaveLength(2);
  });

  it('cannot share a virtual address', () => {
    const text = inventory(
      { name: 'a', last: [1, 2, 3], instance: 'virtual_router_id: 1, ' },
      { name: 'b', last: [4, 5, 3], instance: 'virtual_router_id: 2, ' },
    );
    expect(complaints(text)).toEqual([
      '8:73: 10.0.0.3 is already a virtual address of "VI_1" of the cluster "a"',
    ]);
  });

  it('cannot share a host', () => {
    const text = inventory(
      { name: 'a', last: [1, 2, 3], instance: 'virtual_router_id: 1, ' },
      { name: 'b', last: [2, 4, 5], instance: 'virtual_router_id: 2, ' },
    );
    expect(complaints(text)).toEqual([
      '7:18: 10.0.0.2 is already the address of the host "a2" of the cluster "a" (a host has one haproxy.cfg and so serves one cluster)',
    ]);
  });

  it("cannot have each other's host as virtual address", () => {
    const text = inventory(
      { name: 'a', last: [1, 2, 3], instance: 'virtual_router_id: 1, ' },
      { name: 'b', last: [4, 5, 1], instance: 'virtual_router_id: 2, ' },
    );
    expect(complaints(text)).toEqual([
      '8:73: 10.0.0.1 is the address of the host "a1"; a virtual address belongs to no host',
    ]);
  });

  it('may have a server that is the virtual address of another', () => {
    const text = change(
      '10.9.9.9:80',
      '10.0.1.3:80',
      inventory({ name: 'a', last: [1, 2, 3] }, { name: 'b', last: [1, 2, 3], network: '10.0.1' }),
    );
    expect(complaints(text)).toEqual([]);
  });

  it('of one inventory are checked in reasonable time', () => {
    const many = Array.from({ length: 400 }, (_, index) => ({
      name: `c${index}`,
      last: [1, 2, 3] as const,
      network: `10.${Math.floor(index / 250)}.${index % 250}`,
    }));
    const start = performance.now();
    expect(accepted(inventory(...many)).clusters).toHaveLength(400);
    expect(performance.now() - start).toBeLessThan(25_000);
  });
});

describe('several instances in a cluster', () => {
  const two = (first: string, second: string): string =>
    change(
      'virtual_ipaddress: [192.168.64.200/24]',
      `${first}virtual_ipaddress: [192.168.64.200/24]\n      VI_2: { ${second}virtual_ipaddress: [192.168.64.201/24] }`,
    );

  it('may share a router id on interfaces that differ', () => {
    expect(complaints(two('interface: eth0\n        ', 'interface: eth1, '))).toEqual([]);
  });

  it('need router ids on one interface', () => {
    expect(complaints(two('interface: eth0\n        ', 'interface: eth0, '))).toHaveLength(2);
  });

  it('of which one is wrong are not asked for more', () => {
    expect(complaints(two('virtual_router_id: x\n        ', 'virtual_router_id: 5, '))).toEqual([
      '8:28: "virtual_router_id" must be a whole number from 1 to 255, not "x"',
    ]);
  });
});
