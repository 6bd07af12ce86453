import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'a tab as indentation',
    '      lb2:',
    '\tlb2:',
    '5:1: a tab is used as indentation; YAML allows only spaces (replace the tab with spaces)',
  ],
  [
    'a quote that is not closed',
    '"192.168.64.134:80"',
    '"192.168.64.134:80',
    '13:60: this quote is not closed',
  ],
  ['a bracket that is not closed', 'bind: [80]', 'bind: [80', '11:23: this bracket is not closed'],
  [
    'two keys on a line',
    '      lb2: 192.168.64.137',
    '      lb2: address: 192.168.64.137',
    '5:12: a second "key: value" on one line (put a text that holds ": " in quotes)',
  ],
  [
    'a plain *:80 in a list',
    'bind: [80]',
    'bind: [*:80]',
    '11:24: no anchor named ":80" stands before this alias (put it in quotes: an address that starts with * or [ means something else to YAML)',
  ],
  [
    'a plain *:80',
    'bind: [80]',
    'bind: *:80',
    '11:23: no anchor named ":80" stands before this alias (put it in quotes: an address that starts with * or [ means something else to YAML)',
  ],
  [
    'a plain [::]:80 in a list',
    'bind: [80]',
    'bind: [[::]:80]',
    '11:24: a key must be a plain text (put it in quotes: an address that starts with * or [ means something else to YAML)',
  ],
  [
    'a plain [::]:80',
    '{ bind: [80], default_backend: app }',
    '\n          bind: [::]:80',
    '12:21: YAML does not expect this here (put it in quotes: an address that starts with * or [ means something else to YAML)',
  ],
  [
    'an unknown alias',
    'bind: [80]',
    'bind: *ports',
    '11:23: no anchor named "ports" stands before this alias',
  ],
  ['an alias of itself', 'bind: [80]', 'bind: &b [*b]', '11:27: an alias inside the value it stands for'],
  [
    'an alias in itself by a merge',
    '      app:',
    '      all: &all\n          <<: *all\n      app:',
    '14:15: an alias inside the value it stands for',
  ],
  [
    'two documents',
    '    haproxy:',
    '---\n    haproxy:',
    '9:1: a second YAML document starts here; an inventory is one',
  ],
  ['a tag', 'bind: [80]', 'bind: !!python/object [80]', '11:23: a tag (! or !!) is not used here'],
  [
    'a known tag that is not text',
    'bind: [80]',
    'bind: [!!binary ODA=]',
    '11:33: a tag (! or !!) is not used here',
  ],
  [
    'a bad character at the start',
    'default_backend: app',
    'default_backend: @app',
    '11:46: a text cannot start with this character unless it is in quotes (put it in quotes)',
  ],
  [
    'a bad escape',
    '"192.168.64.136:80"',
    '"192.168.64.136\\d80"',
    '13:48: an escape sequence that YAML does not know (write the backslash twice, or use single quotes)',
  ],
  [
    'a merge of a text',
    'app: {',
    'app: { <<: text,',
    '13:16: "<<" takes a map, or a list of maps (as in "<<: *name")',
  ],
  [
    'two merges',
    'clusters:\n',
    'x-a: &a {}\nclusters:\n  <<: *a\n  <<: *a\n',
    '4:3: the key "<<" is there twice (merge several with one list: "<<: [*a, *b]")',
  ],
  [
    'a mistake in a merged map, told where it is written',
    'clusters:\n  web:\n',
    'x-c: &c { check: { port: 0 } }\nclusters:\n  web:\n    <<: *c\n',
    '1:26: "port" must be a whole number from 1 to 65535, not "0"',
  ],
  [
    'a mistake in an anchor that two use, told once',
    'app: { servers: { web1: "192.168.64.136:80", web2: "192.168.64.134:80" } }',
    'app: { servers: &s { web1: "192.168.64.136:0" } }\n        b: { servers: *s }',
    '13:36: a port must be a whole number from 1 to 65535, not "0"',
    '14:9: warning: no frontend leads to the backend "b"',
  ],
];

describe('YAML', () => {
  checkCases(CASES);
});
