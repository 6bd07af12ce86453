import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { history } from '../../../src/commands/history.js';
import { lockStatus } from '../../../src/commands/lock.js';
import { ping } from '../../../src/commands/ping.js';
import { status } from '../../../src/commands/status.js';
import { validate } from '../../../src/commands/validate.js';
import { testIo } from '../support/io.js';
import { SMALLEST } from '../support/model.js';
import { temporaryFolder } from '../support/shell.js';

/** An inventory of hosts that refuse connections, and what a command left in its log. */
function logged(text = SMALLEST) {
  const folder = temporaryFolder();
  const [path, logFile] = [join(folder, 'inventory.yaml'), join(folder, 'log')];
  const known = join(folder, 'known_hosts');
  writeFileSync(path, `ssh: { hostname: 127.0.0.1, port: 1, known_hosts_file: ${known} }\n${text}`);
  const lines = () => readFileSync(logFile, 'utf8').trimEnd().split('\n');
  return { path, logFile, lines, entries: () => lines().map((line): unknown => JSON.parse(line)) };
}

// Two hosts of one SSH destination are refused.
const ONE = SMALLEST.replace('lb2: 10.0.0.12', 'lb2: { address: 10.0.0.12, ssh: { port: 2 } }');
const hosts = (...names: string[]) =>
  names.map((name) => expect.objectContaining({ name, reachable: false }));

it.each([
  ['status', status, { state: 'unknown', hosts: hosts('lb1', 'lb2') }],
  ['ping', ping, { hosts: hosts('lb1', 'lb2') }],
  ['history', history, { name: 'web' }],
  ['lock', lockStatus, { hosts: hosts('lb1', 'lb2') }],
])('%s writes to the log what it found', async (event, command, cluster) => {
  const { path, logFile, entries } = logged(ONE);
  const exit = await command(path, { logFile, json: true }, testIo());
  expect(exit).toBe(4);
  expect(entries().at(-1)).toMatchObject({
    ...{ time: expect.stringMatching(/^\d{4}-.*Z$/), event, inventory: path },
    clusters: [cluster],
  });
  expect(statSync(logFile).mode & 0o777).toBe(0o600);
});

it('validate does, whatever it finds', async () => {
  const right = logged(ONE);
  expect(await validate(right.path, { logFile: right.logFile }, testIo())).toBe(0);
  expect(right.entries()).toMatchObject([{ event: 'validate', valid: true, hosts: 2, problems: [] }]);
  const wrong = logged(SMALLEST.replace('hosts:', 'hsots:'));
  expect(await validate(wrong.path, { logFile: wrong.logFile }, testIo())).toBe(3);
  expect(wrong.entries()).toMatchObject([
    {
      event: 'validate',
      valid: false,
      problems: expect.arrayContaining([expect.objectContaining({ severity: 'error' })]),
    },
  ]);
});
