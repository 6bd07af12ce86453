import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'a password in the file',
    '        virtual_ipaddress',
    '        auth_pass: "0123456"\n        virtual_ipaddress',
    '8:9: warning: the password is in the inventory, for all who can read it (use {env: NAME}, {file: PATH} or {command: "…"})',
  ],
  [
    'a check slower than its interval',
    '    haproxy:',
    '    check: { interval: 2, timeout: 5 }\n    haproxy:',
    '9:36: warning: the check may run for 5 s, but the next is due after 2 s (a "timeout" of at most "interval" finds a hung HAProxy sooner)',
  ],
  [
    'a delay without preemption',
    '        virtual_ipaddress',
    '        preempt: no\n        preempt_delay: 5\n        virtual_ipaddress',
    '9:24: warning: "preempt_delay" has no effect with "preempt: false"',
  ],
];

describe('warnings', () => {
  checkCases(CASES);
});
