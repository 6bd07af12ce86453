import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'an unknown key at the top',
    'clusters:\n',
    'cluster: {}\nclusters:\n',
    '1:1: "cluster" is not a key of an inventory (did you mean "clusters"?)',
  ],
  [
    'an unknown key, nothing near',
    'clusters:\n',
    'zebra: 1\nclusters:\n',
    '1:1: "zebra" is not a key of an inventory (known: ssh, clusters)',
  ],
  [
    'an unknown key in a cluster',
    '    vrrp_instances:',
    '    vrrp_instance:',
    '6:5: "vrrp_instance" is not a key of "web" (did you mean "vrrp_instances"?)',
  ],
  [
    'an unknown key in an instance',
    '        virtual_ipaddress:',
    '        virtual-router_id: 51\n        virtual_ipaddress:',
    '8:9: "virtual-router_id" is not a key of "VI_1" (did you mean "virtual_router_id"?)',
  ],
  [
    'an unknown key in a flow map',
    'default_backend: app',
    'defaultbackend: app',
    '11:29: "defaultbackend" is not a key of "main" (did you mean "default_backend"?)',
  ],
  [
    'an unknown key in a server',
    'web1: "192.168.64.136:80"',
    'web1: { address: "192.168.64.136:80", option: x }',
    '13:65: "option" is not a key of "web1" (did you mean "options"?)',
  ],
  [
    'a duplicate key',
    '      lb2: 192.168.64.137',
    '      lb1: 192.168.64.137\n      lb2: 192.168.64.138',
    '5:7: the key "lb1" is there twice (first set at line 4)',
  ],
  [
    'a duplicate section',
    '    haproxy:',
    '    hosts: {}\n    haproxy:',
    '9:5: the key "hosts" is there twice (first set at line 3)',
  ],
  [
    'a list for a map',
    '192.168.64.139\n      lb2: 192.168.64.137',
    '192.168.64.139\n      lb2: [192.168.64.137]',
    '5:12: "lb2" must be a map, not a list (with the keys address, interface, ssh)',
  ],
  [
    'a text for a list',
    'bind: [80]',
    'bind: 80',
    '11:23: "bind" must be a list, not a text (put it in brackets: bind: ["80"])',
  ],
  ['a map for a list', 'bind: [80]', 'bind: { port: 80 }', '11:23: "bind" must be a list, not a map'],
  [
    'a text for a map',
    'app: { servers: { web1: "192.168.64.136:80", web2: "192.168.64.134:80" } }',
    'app: web1',
    '13:14: "app" must be a map, not a text (with the keys mode, balance, option, servers, lines)',
  ],
  [
    'a list of names',
    '      lb1: 192.168.64.139\n      lb2: 192.168.64.137',
    '      - lb1\n      - lb2',
    '4:7: "hosts" must be a map from names, not a list (as in "NAME: …", one for each)',
  ],
  [
    'nothing for what is needed',
    '{ bind: [80], default_backend: app }',
    '',
    '11:9: the frontend "main" needs "bind" (as in bind: [80])',
    '11:9: the frontend "main" leads nowhere (give it a "default_backend")',
  ],
  ['no clusters', 'clusters:\n', 'x-clusters:\n', '1:1: an inventory needs "clusters"'],
  [
    'no space after a colon',
    'bind: [80]',
    'bind:80',
    '11:17: "bind:80" is not a key of "main" (YAML wants a space after the colon)',
  ],
  [
    'a bad name',
    '      lb2:',
    '      -lb2:',
    '5:7: the name "-lb2" must start with a letter or digit, and hold only letters, digits, "_", "." and "-"',
  ],
  [
    'a bad host name',
    '      lb2:',
    '      lb 2:',
    '5:7: the name "lb 2" must start with a letter or digit, and hold only letters, digits, "_", "." and "-"',
  ],
  [
    'a name reserved by lbctl',
    '        main:',
    '        lbctl_monitor:',
    '11:9: names that start with "lbctl" are taken: lbctl_monitor (choose another)',
  ],
  [
    'a boolean that is none',
    '        virtual_ipaddress',
    '        preempt: on\n        virtual_ipaddress',
    '8:18: "preempt" must be yes, no, true or false, not "on"',
  ],
  [
    'a boolean in capitals',
    '        virtual_ipaddress',
    '        preempt: Yes\n        virtual_ipaddress',
    '8:18: "preempt" must be yes, no, true or false, not "Yes"',
  ],
  [
    'a hexadecimal number',
    '        virtual_ipaddress',
    '        virtual_router_id: 0x33\n        virtual_ipaddress',
    '8:28: "virtual_router_id" must be a whole number from 1 to 255, not "0x33" (write it as a decimal number without leading zeros)',
  ],
  [
    'a number with separators',
    '    haproxy:',
    '    check: { port: 8_405 }\n    haproxy:',
    '9:20: "port" must be a whole number from 1 to 65535, not "8_405" (leave out the separators between the digits)',
  ],
  [
    'a number with an exponent',
    '    haproxy:',
    '    check: { port: 1e3 }\n    haproxy:',
    '9:20: "port" must be a whole number from 1 to 65535, not "1e3" (write all digits out)',
  ],
  [
    'a number with a leading zero',
    '    haproxy:',
    '    check: { port: 0800 }\n    haproxy:',
    '9:20: "port" must be a whole number from 1 to 65535, not "0800" (write it as a decimal number without leading zeros)',
  ],
  [
    'a number with a unit',
    '    haproxy:',
    '    check: { interval: 2s }\n    haproxy:',
    '9:24: "interval" must be a whole number from 1 to 3600, not "2s" (the unit is fixed: write the number alone)',
  ],
  [
    'a half number',
    '    haproxy:',
    '    check: { interval: 0.5 }\n    haproxy:',
    '9:24: "interval" must be a whole number from 1 to 3600, not "0.5"',
  ],
  [
    'a word of another list',
    '    haproxy:',
    '    system: { firewall: disabled, selinux: disable }\n    haproxy:',
    '9:25: "firewall" cannot be "disabled" (did you mean "disable"?)',
    '9:44: "selinux" cannot be "disable" (did you mean "disabled"?)',
  ],
  [
    'a package wish',
    '    haproxy:',
    '    system: { packages: { haproxy: absent } }\n    haproxy:',
    '9:36: "haproxy" must be present, latest or a version, not "absent" (known: present, latest)',
  ],
];

describe('keys and types', () => {
  checkCases(CASES);
});
