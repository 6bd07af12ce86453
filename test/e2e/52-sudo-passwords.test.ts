import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lbctl, lbctlWith } from './support/lbctl.js';
import { type InventoryFile, inventory, startReady, workFolder } from './support/pair.js';
import { ASKED, addUsers, PASSWORD, removeUsers } from './support/sudo-users.js';
import { watchProcesses } from './support/watch-secret.js';

const HOSTS = ['el1', 'el2'] as const;

describe("sudo's password, from wherever it comes", () => {
  let ready: string;
  let file: string;

  beforeAll(async () => {
    ready = await startReady();
    for (const host of HOSTS) await addUsers(host, { asked: ASKED('asked') });
    file = join(await workFolder(), 'sudo.pass');
    writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
  });
  afterAll(async () => {
    for (const host of HOSTS) await removeUsers(host, ['asked']);
    await lbctl('up', ready);
  });

  const SOURCES = ['env', 'file', 'command'] as const;
  const ENV = { LBCTL_TEST_SUDO: PASSWORD };
  const sourceOf = (kind: (typeof SOURCES)[number]) =>
    ({ env: { env: 'LBCTL_TEST_SUDO' }, file: { file }, command: { command: `cat '${file}'` } })[kind];

  /** The pair's inventory for a user whose sudo asks. */
  const asked = (kind: (typeof SOURCES)[number], edit: (file: InventoryFile) => void = () => undefined) =>
    inventory('asked.yaml', (it) => {
      Object.assign(it.ssh, { user: 'asked', become: { password: sourceOf(kind) } });
      edit(it);
    });

  it.each(SOURCES)('%s: root on both hosts, and no word of it in -vv or the log', async (kind) => {
    const path = await asked(kind);
    const log = join(dirname(path), 'log');
    const ping = await lbctlWith(kind === 'env' ? ENV : {}, 'ping', path, '-vv', '--log-file', log);
    expect(ping.exit, ping.said).toBe(0);
    expect(ping.stderr).toMatch(/web\/lb2: connected to .* as asked/);
    expect(readFileSync(log, 'utf8')).toContain('"event":"ping"');
    expect(ping.said + readFileSync(log, 'utf8')).not.toContain(PASSWORD);
  });

  it('a whole change: it is in no output, no log, no process of the hosts', async () => {
    const path = await asked('command', ({ clusters: { web } }) => {
      web.haproxy.backends.app.balance = 'leastconn';
    });
    const log = join(dirname(path), 'log');
    const work = lbctl('up', path, '-vv', '--diff', '--log-file', log);
    const watched = await Promise.all(
      HOSTS.map((_, n) => watchProcesses(n === 0 ? 'lb1' : 'lb2', PASSWORD, work)),
    );
    const up = await work;
    expect(up.exit, up.said).toBe(0);
    expect(up.said).toMatch(/balance leastconn/);
    expect(watched).toEqual(['found []', 'found []']);
    const logged = readFileSync(log, 'utf8');
    expect(logged).toContain('"event":"summary"');
    expect(up.said + logged).not.toContain(PASSWORD);
  });

  it('a variable that is not set is a mistake in the input: nothing is contacted', async () => {
    const bad = await lbctl('ping', await asked('env'));
    expect([bad.exit, bad.stderr]).toEqual([3, expect.stringContaining('LBCTL_TEST_SUDO is not set')]);
  });
});
