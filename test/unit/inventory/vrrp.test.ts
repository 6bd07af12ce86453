import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'a router id of 0',
    '        virtual_ipaddress',
    '        virtual_router_id: 0\n        virtual_ipaddress',
    '8:28: "virtual_router_id" must be a whole number from 1 to 255, not "0"',
  ],
  [
    'a router id of 256',
    '        virtual_ipaddress',
    '        virtual_router_id: 256\n        virtual_ipaddress',
    '8:28: "virtual_router_id" must be a whole number from 1 to 255, not "256"',
  ],
  [
    'a priority of 255',
    '        virtual_ipaddress',
    '        priority: { lb1: 255, lb2: 240 }\n        virtual_ipaddress',
    '8:26: "priority of lb1" must be a whole number from 1 to 254, not "255"',
  ],
  [
    'a priority of 0',
    '        virtual_ipaddress',
    '        priority: { lb1: 250, lb2: 0 }\n        virtual_ipaddress',
    '8:36: "priority of lb2" must be a whole number from 1 to 254, not "0"',
  ],
  [
    'equal priorities',
    '        virtual_ipaddress',
    '        priority: { lb1: 100, lb2: 100 }\n        virtual_ipaddress',
    '8:36: "lb2" has the priority 100, and so has "lb1": they must differ',
  ],
  [
    'a priority equal to a default',
    '        virtual_ipaddress',
    '        priority: { lb1: 240 }\n        virtual_ipaddress',
    '8:26: "lb2" has by default the priority 240, and so has "lb1": they must differ',
  ],
  [
    'a priority for another host',
    '        virtual_ipaddress',
    '        priority: { lb1: 100, lb3: 90 }\n        virtual_ipaddress',
    '8:31: "lb3" is not a host of this cluster (did you mean "lb1"?)',
  ],
  [
    'unicast to hosts of another family than the virtual address',
    '        virtual_ipaddress: [192.168.64.200/24]',
    '        interface: eth0\n        unicast: true\n        virtual_ipaddress: ["fd00::200/64"]',
    '9:18: "unicast" needs host addresses of the virtual addresses\' family; "lb1" has 192.168.64.139 (leave "unicast" out: multicast works)',
  ],
  [
    'advert_int 0',
    '        virtual_ipaddress',
    '        advert_int: 0\n        virtual_ipaddress',
    '8:21: "advert_int" below 1 second must be a multiple of 0.01, and at least 0.01',
  ],
  [
    'advert_int 0.005',
    '        virtual_ipaddress',
    '        advert_int: 0.005\n        virtual_ipaddress',
    '8:21: "advert_int" below 1 second must be a multiple of 0.01, and at least 0.01',
  ],
  [
    'advert_int 0.125',
    '        virtual_ipaddress',
    '        advert_int: 0.125\n        virtual_ipaddress',
    '8:21: "advert_int" below 1 second must be a multiple of 0.01, and at least 0.01',
  ],
  [
    'advert_int 1.5',
    '        virtual_ipaddress',
    '        advert_int: 1.5\n        virtual_ipaddress',
    '8:21: "advert_int" from 1 second up must be a whole number: VRRP version 2 counts whole seconds (write 1 or 2, or less than 1 for version 3)',
  ],
  [
    'advert_int 256',
    '        virtual_ipaddress',
    '        advert_int: 256\n        virtual_ipaddress',
    '8:21: "advert_int" must be at most 255 seconds',
  ],
  [
    'advert_int -1',
    '        virtual_ipaddress',
    '        advert_int: -1\n        virtual_ipaddress',
    '8:21: "advert_int" must be a number, not "-1"',
  ],
  [
    'auth_pass of 9 characters',
    '        virtual_ipaddress',
    '        auth_pass: "123456789"\n        virtual_ipaddress',
    '8:9: "auth_pass" is longer than 8 characters: keepalived would cut it without a word',
  ],
  [
    'an empty auth_pass',
    '        virtual_ipaddress',
    '        auth_pass: ""\n        virtual_ipaddress',
    '8:9: "auth_pass" is empty',
  ],
  [
    'auth_pass with a quote',
    '        virtual_ipaddress',
    "        auth_pass: 'a\"b'\n        virtual_ipaddress",
    '8:9: "auth_pass" holds one of " \' \\ # ! { }, which keepalived.conf would interpret',
  ],
  [
    'auth_pass with a line break',
    '        virtual_ipaddress',
    '        auth_pass: "a\\nb"\n        virtual_ipaddress',
    '8:9: "auth_pass" holds a space, a line break or a control character',
  ],
  [
    'auth_pass with a comment',
    '        virtual_ipaddress',
    '        auth_pass: "a!b"\n        virtual_ipaddress',
    '8:9: "auth_pass" holds one of " \' \\ # ! { }, which keepalived.conf would interpret',
  ],
  [
    'auth_pass with version 3',
    '        virtual_ipaddress',
    '        advert_int: 0.5\n        auth_pass: { env: PW }\n        virtual_ipaddress',
    '9:9: "advert_int" 0.5 selects VRRP version 3, which has no "auth_pass" (take out "auth_pass", or set "advert_int" to 1 or more)',
  ],
  [
    'auth_pass of two kinds',
    '        virtual_ipaddress',
    '        auth_pass: { env: PW, file: pw }\n        virtual_ipaddress',
    '8:9: "auth_pass" must be exactly one of {env: NAME}, {file: PATH} or {command: "…"}',
  ],
  [
    'auth_pass of no kind',
    '        virtual_ipaddress',
    '        auth_pass: {}\n        virtual_ipaddress',
    '8:9: "auth_pass" must be exactly one of {env: NAME}, {file: PATH} or {command: "…"}',
  ],
  [
    'auth_pass that asks',
    '        virtual_ipaddress',
    '        auth_pass: { prompt: true }\n        virtual_ipaddress',
    '8:9: "auth_pass" cannot be asked for (use {env: NAME}, {file: PATH} or {command: "…"})',
  ],
  [
    'auth_pass from a file that a shell takes apart',
    '        virtual_ipaddress',
    '        auth_pass: { file: "$(id)" }\n        virtual_ipaddress',
    '8:28: "file" holds a character that a shell or ssh would interpret: "$(id)"',
  ],
  [
    'preempt: no with a weight',
    '        virtual_ipaddress: [192.168.64.200/24]',
    '        preempt: no\n        virtual_ipaddress: [192.168.64.200/24]\n    check: { weight: -50 }',
    '8:18: "preempt: false" with a check "weight": the standby would never take over (set "weight" to 0, or let the better host preempt)',
  ],
  [
    'a weight too small',
    '    haproxy:',
    '    check: { weight: -10 }\n    haproxy:',
    '9:22: "weight" -10 cannot move "VI_1": its priorities are 10 apart (-11 or less would)',
  ],
  [
    'a weight too large',
    '    haproxy:',
    '    check: { weight: -240 }\n    haproxy:',
    '9:22: "weight" -240 takes the priority 240 of "VI_1" below 1 (from -239 up, or raise the priorities)',
  ],
  [
    'a positive weight',
    '    haproxy:',
    '    check: { weight: 10 }\n    haproxy:',
    '9:22: "weight" must be a whole number from -253 to 0, not "10"',
  ],
  [
    'an interface name too long',
    '        virtual_ipaddress',
    '        interface: enp0s31f6.12345678\n        virtual_ipaddress',
    '8:20: "interface" is longer than the 15 characters that Linux allows: "enp0s31f6.12345678"',
  ],
  [
    'an interface name with a slash',
    '        virtual_ipaddress',
    '        interface: ../eth0\n        virtual_ipaddress',
    '8:20: "interface" must start with a letter or digit, and hold only letters, digits, "_", ".", ":", "@" and "-": "../eth0"',
  ],
  [
    'two instances on one subnet, no router ids',
    '    haproxy:',
    '      VI_2: { virtual_ipaddress: [192.168.64.201/24] }\n    haproxy:',
    '7:7: "VI_1" needs a "virtual_router_id": "VI_2" is on the same subnet (from 1 to 255, another for each)',
    '9:7: "VI_2" needs a "virtual_router_id": "VI_1" is on the same subnet (from 1 to 255, another for each)',
  ],
  [
    'two instances with one router id',
    '        virtual_ipaddress: [192.168.64.200/24]',
    '        virtual_router_id: 7\n        virtual_ipaddress: [192.168.64.200/24]\n      VI_2: { virtual_router_id: 7, virtual_ipaddress: [192.168.64.201/24] }',
    '10:34: the virtual_router_id 7 is already that of "VI_1" on the same subnet',
  ],
  [
    'a VIP in two instances',
    '        virtual_ipaddress: [192.168.64.200/24]',
    '        virtual_router_id: 7\n        virtual_ipaddress: [192.168.64.200/24]\n      VI_2: { virtual_router_id: 8, virtual_ipaddress: [192.168.64.200/24] }',
    '10:57: 192.168.64.200 is already a virtual address of "VI_1"',
  ],
  [
    'no instance',
    '      VI_1:\n        virtual_ipaddress: [192.168.64.200/24]\n',
    '',
    '6:5: the cluster "web" needs "vrrp_instances" (with at least one virtual address)',
  ],
];

describe('VRRP', () => {
  checkCases(CASES);
});
