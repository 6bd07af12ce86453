import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'a user with a dash',
    'clusters:\n',
    'ssh: { user: -oProxyCommand=x }\nclusters:\n',
    '1:14: "user" must start with a letter or digit, and hold only letters, digits, "_", ".", "@", "+" and "-": "-oProxyCommand=x"',
  ],
  [
    'a user with a semicolon',
    'clusters:\n',
    'ssh: { user: "root;id" }\nclusters:\n',
    '1:14: "user" must start with a letter or digit, and hold only letters, digits, "_", ".", "@", "+" and "-": "root;id"',
  ],
  [
    'a hostname with a dash',
    'clusters:\n  web:\n',
    'clusters:\n  web:\n    ssh: { hostname: -x, port: 22 }\n',
    '3:22: "hostname" must be a host name: letters, digits, "." and "-", not starting with "-": "-x"',
  ],
  [
    'a hostname with a substitution',
    '192.168.64.139',
    '{ address: 192.168.64.139, ssh: { hostname: "$(id)" } }',
    '4:56: "hostname" must be a host name: letters, digits, "." and "-", not starting with "-": "$(id)"',
  ],
  [
    'a hostname that is a broken address',
    '192.168.64.139',
    '{ address: 192.168.64.139, ssh: { hostname: 010.0.0.1 } }',
    '4:56: "hostname" is not an IP address (a leading zero means octal to some programs: leave it out): "010.0.0.1"',
  ],
  [
    'one hostname for all',
    'clusters:\n',
    'ssh: { hostname: jump.example.net }\nclusters:\n',
    '1:18: SSH would reach "lb1" and "lb2" at the same place: jump.example.net (give each host its own "hostname" or "port")',
  ],
  [
    'a file name with a space',
    'clusters:\n',
    'ssh: { identity_file: "my key" }\nclusters:\n',
    '1:23: "identity_file" holds a space or a line break: "my key"',
  ],
  [
    'a file name with a dash',
    'clusters:\n',
    'ssh: { identity_file: -key }\nclusters:\n',
    '1:23: "identity_file" starts with "-": programs would take it for an option: "-key"',
  ],
  [
    'a file name with a backtick',
    'clusters:\n',
    'ssh: { known_hosts_file: "a`id`" }\nclusters:\n',
    '1:26: "known_hosts_file" holds a character that a shell or ssh would interpret: "a`id`"',
  ],
  [
    "another user's home",
    'clusters:\n',
    'ssh: { known_hosts_file: ~bob/x }\nclusters:\n',
    '1:26: "known_hosts_file" names another user\'s home ("~" alone works): "~bob/x"',
  ],
  [
    'an unknown checking',
    'clusters:\n',
    'ssh: { strict_host_key_checking: accept_new }\nclusters:\n',
    '1:34: "strict_host_key_checking" cannot be "accept_new" (did you mean "accept-new"?)',
  ],
  [
    'a port of ssh',
    'clusters:\n',
    'ssh: { port: 70000 }\nclusters:\n',
    '1:14: "port" must be a whole number from 1 to 65535, not "70000"',
  ],
  [
    'a connect_timeout',
    'clusters:\n',
    'ssh: { connect_timeout: 0 }\nclusters:\n',
    '1:25: "connect_timeout" must be a whole number from 1 to 3600, not "0"',
  ],
  [
    'a become password in the file',
    'clusters:\n',
    'ssh: { become: { password: geheim } }\nclusters:\n',
    '1:18: "password" cannot be written into the inventory (use {env: NAME}, {file: PATH}, {command: "…"} or {prompt: true})',
  ],
  [
    'another become',
    'clusters:\n',
    'ssh: { become: { method: su } }\nclusters:\n',
    '1:26: "method" cannot be "su" (possible: sudo)',
  ],
  [
    'a drill destination',
    '    haproxy:',
    '    drill: { from: "-oProxyCommand=x" }\n    haproxy:',
    '9:20: "from" has a host that must be a host name: letters, digits, "." and "-", not starting with "-": "-oProxyCommand=x"',
  ],
  [
    'a URL',
    '    haproxy:',
    '    verify: { url: "ftp://x", status: 99 }\n    haproxy:',
    '9:20: "url" must be a whole http:// or https:// URL: "ftp://x"',
    '9:39: "status" must be a whole number from 100 to 599, not "99"',
  ],
];

describe('words that a shell or ssh would take apart', () => {
  checkCases(CASES);
});
