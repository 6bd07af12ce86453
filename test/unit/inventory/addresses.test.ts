import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'no address',
    '192.168.64.139',
    'lb1.example.net',
    '4:12: "lb1.example.net" is not an IP address (an address on the virtual addresses\' network; a name for SSH goes into "ssh: { hostname: … }")',
  ],
  [
    'leading zeros',
    '192.168.64.139',
    '010.0.0.1',
    '4:12: "010.0.0.1" is not an IP address (a leading zero means octal to some programs: leave it out)',
  ],
  [
    'too large',
    '192.168.64.139',
    '192.168.64.256',
    '4:12: "192.168.64.256" is not an IP address (each of the four numbers is at most 255)',
  ],
  [
    'too short',
    '192.168.64.139',
    '192.168.64',
    '4:12: "192.168.64" is not an IP address (an IPv4 address has four numbers)',
  ],
  [
    'with a prefix',
    '192.168.64.139',
    '192.168.64.139/24',
    '4:12: "192.168.64.139/24" is not an IP address (without a prefix: 192.168.64.139)',
  ],
  ['with a port', '192.168.64.139', '"192.168.64.139:22"', '4:12: "192.168.64.139:22" is not an IP address'],
  ['empty', '192.168.64.139', '""', '4:12: "" is not an IP address'],
  ['loopback', '192.168.64.139', '127.0.0.1', '4:12: no host can have 127.0.0.1, a loopback address'],
  ['multicast', '192.168.64.139', '224.0.0.18', '4:12: no host can have 224.0.0.18, a multicast address'],
  [
    'the same twice',
    '192.168.64.137',
    '192.168.64.139',
    '5:12: 192.168.64.139 is already the address of the host "lb1"',
  ],
  [
    'one host only',
    '      lb2: 192.168.64.137\n',
    '',
    '3:5: the cluster "web" needs two hosts or more (a pair needs a second host to take over)',
  ],
  [
    'no host',
    '      lb1: 192.168.64.139\n      lb2: 192.168.64.137\n',
    '',
    '3:5: the cluster "web" needs "hosts"',
  ],
  ['a host without address', '192.168.64.139', '{ interface: eth0 }', '4:7: the host "lb1" needs "address"'],
  [
    'a VIP without prefix',
    '192.168.64.200/24',
    '192.168.64.200',
    '8:29: 192.168.64.200 has no prefix: the length of its network (did you mean "192.168.64.200/24"?)',
  ],
  [
    'a VIP with prefix 0',
    '192.168.64.200/24',
    '192.168.64.200/0',
    '8:29: the prefix of 192.168.64.200 must be a number from 1 to 32, not "0"',
  ],
  [
    'a VIP with prefix 33',
    '192.168.64.200/24',
    '192.168.64.200/33',
    '8:29: the prefix of 192.168.64.200 must be a number from 1 to 32, not "33"',
  ],
  [
    'a VIP with a netmask',
    '192.168.64.200/24',
    '192.168.64.200/255.255.255.0',
    '8:29: the prefix of 192.168.64.200 must be a number from 1 to 32, not "255.255.255.0"',
  ],
  [
    'a VIP that is none',
    '192.168.64.200/24',
    '192.168.64.300/24',
    '8:29: "192.168.64.300" is not an IP address (each of the four numbers is at most 255)',
  ],
  [
    'a VIP with a device',
    '192.168.64.200/24',
    '192.168.64.200/24 dev eth0',
    '8:29: the prefix of 192.168.64.200 must be a number from 1 to 32, not "24 dev eth0"',
  ],
  [
    "a host's address",
    '192.168.64.200/24',
    '192.168.64.137/24',
    '8:29: 192.168.64.137 is the address of the host "lb2"; a virtual address belongs to no host',
  ],
  [
    'off the subnet',
    '192.168.64.200/24',
    '192.168.65.200/24',
    '8:29: 192.168.65.200/24 is off the subnet of the host "lb1" (192.168.64.139) (correct the address or its prefix, or name the "interface" that shall hold it)',
  ],
  [
    'a prefix too long',
    '192.168.64.200/24',
    '192.168.64.200/28',
    '8:29: 192.168.64.200/28 is off the subnet of the host "lb1" (192.168.64.139) (correct the address or its prefix, or name the "interface" that shall hold it)',
  ],
  [
    'the network address',
    '192.168.64.200/24',
    '192.168.64.0/24',
    '8:29: 192.168.64.0 is the network address of 192.168.64.0/24',
  ],
  [
    'the broadcast address',
    '192.168.64.200/24',
    '192.168.64.255/24',
    '8:29: 192.168.64.255 is the broadcast address of 192.168.64.0/24',
  ],
  [
    'a host that is the broadcast address',
    '192.168.64.137',
    '192.168.64.255',
    '5:12: 192.168.64.255 is the broadcast address of 192.168.64.0/24, the network of 192.168.64.200/24',
  ],
  [
    'a loopback VIP',
    '192.168.64.200/24',
    '127.0.0.1/8',
    '8:29: 127.0.0.1 cannot be a virtual address: it is a loopback address',
  ],
  [
    'a multicast VIP',
    '192.168.64.200/24',
    '224.0.0.18/24',
    '8:29: 224.0.0.18 cannot be a virtual address: it is a multicast address',
  ],
  [
    'the unspecified VIP',
    '192.168.64.200/24',
    '0.0.0.0/24',
    '8:29: 0.0.0.0 cannot be a virtual address: it is the unspecified address',
  ],
  [
    'a VIP twice',
    '192.168.64.200/24',
    '192.168.64.200/24, 192.168.64.200/24',
    '8:48: 192.168.64.200 is already a virtual address of "VI_1"',
  ],
  [
    'no VIP',
    '[192.168.64.200/24]',
    '[]',
    '8:9: the VRRP instance "VI_1" needs at least one virtual address (as in virtual_ipaddress: [192.168.64.200/24])',
  ],
  [
    'no list of VIPs',
    '        virtual_ipaddress: [192.168.64.200/24]\n',
    '        virtual_router_id: 51\n',
    '7:7: the VRRP instance "VI_1" needs "virtual_ipaddress" (as in virtual_ipaddress: [192.168.64.200/24])',
  ],
  [
    'a bad host does not make a VIP off subnet',
    '192.168.64.139',
    '10.0.0.999',
    '4:12: "10.0.0.999" is not an IP address (each of the four numbers is at most 255)',
  ],
];

describe('addresses', () => {
  checkCases(CASES);
});
