import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
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
