// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the inventory's own syntax
import { describe } from 'vitest';
import { type Case, checkCases } from './helpers.js';

const CASES: readonly Case[] = [
  [
    'not set',
    '192.168.64.139',
    '${LB1_ADDRESS}',
    '4:12: the environment variable LB1_ADDRESS is not set (set it, or write ${LB1_ADDRESS:-default})',
  ],
  [
    'not set, twice in a text',
    '192.168.64.139',
    '"${A}.${B}.${A}"',
    '4:12: the environment variable A is not set (set it, or write ${A:-default})',
    '4:12: the environment variable B is not set (set it, or write ${B:-default})',
  ],
  [
    'malformed',
    '192.168.64.139',
    '"${1x}"',
    '4:12: "${1x}" is not a reference to the environment (the forms are ${NAME} and ${NAME:-default}; $$ is a dollar sign)',
  ],
  [
    'not closed',
    '192.168.64.139',
    '"${LB1"',
    '4:12: "${LB1" is not a reference to the environment (the forms are ${NAME} and ${NAME:-default}; $$ is a dollar sign)',
  ],
  [
    'a value that is wrong',
    '192.168.64.139',
    '${BAD_ADDRESS}',
    '4:12: "10.0.0" is not an IP address (an IPv4 address has four numbers)',
  ],
  [
    'a value with a line break',
    'bind: [80]',
    'bind: ["80 ${BREAK}"]',
    '11:24: "bind" holds a line break: write one entry for each line',
  ],
];

describe('the environment', () => {
  checkCases(CASES);
});
