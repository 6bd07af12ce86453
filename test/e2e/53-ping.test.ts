import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LabInfo, labInfo, writeInventory } from '../lab/lab.js';
import { lbctl } from './support/lbctl.js';
import { labUp } from './support/pair.js';
import { addUsers, on, PASSWORD, removeUsers } from './support/sudo-users.js';
import { onTerminal } from './support/terminal.js';

let lab: LabInfo;

beforeAll(async () => {
  await labUp();
  lab = await labInfo();
});

describe('on a terminal', () => {
  const user = 'needstty';
  const PAIR = ['el1', 'el2'] as const;
  beforeAll(async () => {
    const sudoers = [`Defaults:${user} requiretty`, `${user} ALL=(ALL) ALL`];
    for (const host of PAIR) await addUsers(host, { [user]: { sudoers } });
  });
  afterAll(async () => {
    for (const host of PAIR) await removeUsers(host, [user]);
  });

  it('asks about each host key, then once for the password of both hosts, and shows it nowhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lbctl-tty-'));
    const path = join(folder, 'inventory.yaml');
    await writeInventory(path, 'el', (yaml) =>
      yaml
        .replace('user: root', 'user: needstty\n  become: { password: { prompt: true } }')
        .replace(/known_hosts_file: .*/, `known_hosts_file: ${join(folder, 'known_hosts')}`),
    );
    const { exit, seen, left } = await onTerminal(
      ['ping', path],
      [
        [/the fingerprint\)\? $/, 'yes\r'],
        [/the fingerprint\)\? $/, 'yes\r'],
        [/all hosts\): $/, `${PASSWORD}\r`],
      ],
    );
    expect([exit, left], seen).toEqual([0, []]);
    expect(seen.split('Password for sudo')).toHaveLength(2);
    // Exit 0: both hosts run scripts as root.
    for (const name of ['lb1', 'lb2']) expect(seen).toMatch(new RegExp(`${name}.*ok \\(\\d+ ms\\)`));
    expect(seen).toContain('SHA256:');
    expect(seen).not.toContain(PASSWORD);
    // Hashed or not, as this machine's ssh_config has it.
    const name = `[127.0.0.1]:${lab.hosts.el1.ssh_port}`;
    execFileSync('ssh-keygen', ['-f', join(folder, 'known_hosts'), '-F', name]);
  });
});

describe('lbctl ping', () => {
  const inventory = async (edit: (yaml: string) => string) => {
    const path = join(mkdtempSync(join(tmpdir(), 'lbctl-ping-')), 'inventory.yaml');
    await writeInventory(path, 'el', edit);
    return path;
  };

  it('a table, and JSON', async () => {
    const path = await inventory((yaml) => yaml);
    const table = await lbctl('ping', path);
    expect(table.exit, table.said).toBe(0);
    expect(table.stdout).toMatch(/lb1 .* ok \(\d+ ms\) +ok +ok +dnf/);
    const json = JSON.parse((await lbctl('ping', path, '--json')).stdout);
    expect(json.clusters[0].hosts[1]).toMatchObject({
      name: 'lb2',
      reachable: true,
      root: true,
      missing: [],
      problem: null,
    });
  });

  it('privileges are missing: exit 4', async () => {
    const path = await inventory((yaml) => yaml.replace('user: root', 'user: nosudo'));
    const { exit, stdout } = await lbctl('ping', path);
    expect(exit).toBe(4);
    expect(stdout).toContain('nosudo may not become root on lb1');
  });

  it('a host that is not there: exit 4', async () => {
    const path = await inventory((yaml) => yaml.replace(/port: \d+/, 'port: 1'));
    const { exit, stdout } = await lbctl('ping', path);
    expect(exit).toBe(4);
    expect(stdout).toContain('connect-refused');
  });

  describe('where a program is missing', () => {
    /** Out of the way, and back. */
    const HIDE = (tools: string) =>
      `for t in ${tools}; do for d in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do [ ! -e $d/$t ] || mv $d/$t $d/$t.hidden; done; done`;
    const SHOW =
      'for f in /usr/local/sbin/*.hidden /usr/local/bin/*.hidden /usr/sbin/*.hidden /usr/bin/*.hidden; do [ ! -e "$f" ] || mv "$f" "${f%.hidden}"; done';
    afterEach(() => on('el1', SHOW));

    it('which, what brings it, and exit 1; the other host is well', async () => {
      const path = await inventory((yaml) => yaml);
      await on('el1', HIDE('flock systemd-run'));
      const table = await lbctl('ping', path);
      expect(table.exit, table.said).toBe(1);
      expect(table.stdout).toMatch(/lb1 .* ok \(\d+ ms\) +ok +no flock, systemd-run +dnf/);
      expect(table.stdout).toMatch(/lb2 .* ok \(\d+ ms\) +ok +ok +dnf/);
      expect(table.stdout).toContain(
        'lb1: not there: flock, systemd-run; install what brings them: util-linux, systemd [tool-missing]',
      );
    });

    it('all that can be missing is named', async () => {
      const tools =
        'tail tee base64 stat install sha256sum sort df mktemp find grep sed awk flock setsid ip ss systemctl systemd-run journalctl';
      const path = await inventory((yaml) => yaml);
      await on('el1', HIDE(`${tools} dnf yum apt-get`));
      const { exit, stdout } = await lbctl('ping', path, '--json', '--limit', 'web/lb1');
      await on('el1', SHOW);
      expect(exit).toBe(1);
      expect(JSON.parse(stdout).clusters[0].hosts).toMatchObject([
        {
          name: 'lb1',
          reachable: true,
          root: true,
          missing: [...tools.split(' '), 'dnf or yum or apt-get'],
          package_manager: null,
          problem: { code: 'tool-missing' },
        },
      ]);
    });
  });
});
