import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'config_file',
    '      frontends:\n        main: { bind: [80], default_backend: app }\n      backends:\n        app: { servers: { web1: "192.168.64.136:80", web2: "192.168.64.134:80" } }\n',
    '      config_file: haproxy.cfg\n',
    '10:20: "config_file" is not supported yet (describe frontends and backends in the inventory)',
  ],
  [
    'config_file beside frontends',
    '      frontends:',
    '      config_file: haproxy.cfg\n      frontends:',
    '10:20: "config_file" is not supported yet (describe frontends and backends in the inventory)',
    '11:7: "frontends" has no effect beside "config_file" (take out one of the two)',
    '13:7: "backends" has no effect beside "config_file" (take out one of the two)',
  ],
  ['IPv6 VIPs', '192.168.64.200/24', '2001:db8::1/64', '8:29: an IPv6 address here is not supported yet'],
  [
    'both families',
    '192.168.64.200/24',
    '192.168.64.200/24, 2001:db8::1/64',
    '8:48: one VRRP instance cannot hold both IPv4 and IPv6 addresses (give each family an instance of its own)',
    '8:48: an IPv6 address here is not supported yet',
  ],
  [
    'IPv6 hosts',
    'lb1: 192.168.64.139\n      lb2: 192.168.64.137',
    'lb1: 2001:db8::139\n      lb2: 2001:db8::137',
    '4:12: an IPv6 address here is not supported yet',
    '5:12: an IPv6 address here is not supported yet',
  ],
  ['IPv6 binds', 'bind: [80]', 'bind: ["[::]:80"]', '11:24: an IPv6 address here is not supported yet'],
  [
    'IPv6 for SSH',
    '192.168.64.139',
    '{ address: 192.168.64.139, ssh: { hostname: "fe80::1" } }',
    '4:56: an IPv6 address here is not supported yet',
  ],
  [
    'unicast',
    '        virtual_ipaddress',
    '        unicast: yes\n        virtual_ipaddress',
    '8:18: "unicast: true" is not supported yet',
  ],
  [
    'become with a password',
    'clusters:\n',
    'ssh: { become: { password: { prompt: true } } }\nclusters:\n',
    '1:18: a password for "become" is not supported yet (log in as root, or let sudo work without one (NOPASSWD))',
  ],
  [
    'proxy_jump',
    'clusters:\n',
    'ssh: { proxy_jump: "op@bastion:2222,b2" }\nclusters:\n',
    '1:20: "proxy_jump" is not supported yet',
  ],
  [
    'a wrong proxy_jump is only wrong',
    'clusters:\n',
    'ssh: { proxy_jump: "op@bastion:0" }\nclusters:\n',
    '1:20: "proxy_jump" has a port that is not from 1 to 65535: "op@bastion:0"',
  ],
  [
    'latest packages',
    '    haproxy:',
    '    system: { packages: { haproxy: latest, keepalived: 2.10 } }\n    haproxy:',
    '9:36: a package wish other than "present" is not supported yet',
    '9:56: a package wish other than "present" is not supported yet',
  ],
];

describe('what is not supported yet', () => {
  checkCases(CASES);
});
