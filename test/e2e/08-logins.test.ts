import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { PAIR, realChanges, snapshot } from './support/hosts.js';
import { lbctl, planOf, type Run, summaryOf } from './support/lbctl.js';
import { inventory, startReady } from './support/pair.js';

const run = promisify(execFile);

describe('who may log in, and to whom', () => {
  let ready: string;

  beforeAll(async () => {
    ready = await startReady();
  });

  /** `up` with other SSH settings: refused, with that advice, and no host was touched. */
  async function refusedUp(ssh: Record<string, unknown>): Promise<Run> {
    const path = await inventory('inventory.yaml', (file) => {
      Object.assign(file.ssh, ssh);
      file.clusters.web.haproxy.backends.app.balance = 'leastconn';
    });
    const before = await Promise.all(PAIR.map(snapshot));
    const up = await lbctl('up', path, '--json');
    const after = await Promise.all(PAIR.map(snapshot));
    expect(up.exit, up.said).toBe(4);
    PAIR.forEach((host, index) => {
      const [was, is] = [before[index], after[index]];
      if (was === undefined || is === undefined) throw new Error('no snapshot');
      expect(realChanges(was, is), host).toEqual([]);
      expect(summaryOf(up).hosts[host]).toMatchObject({ status: 'unreachable', changed: [] });
    });
    return up;
  }

  it('an unknown host key is refused, with the fingerprint and how to add the key', async () => {
    const file = join(dirname(await inventory('x.yaml')), 'known_hosts');
    await writeFile(file, '');
    const up = await refusedUp({ known_hosts_file: file });
    const { hosts, known_hosts_file } = await labInfo();
    const known = (await readFile(known_hosts_file, 'utf8'))
      .split('\n')
      .find((line) => line.includes(`:${hosts.el1.ssh_port} `));
    const key = join(dirname(file), 'lb1.pub');
    await writeFile(key, `${known?.split(' ').slice(1).join(' ')}\n`);
    const fingerprint = /SHA256:\S+/.exec((await run('ssh-keygen', ['-lf', key])).stdout)?.[0] ?? 'none';
    expect(up.stderr).toContain(`the host key of lb1 ([127.0.0.1]:${hosts.el1.ssh_port}) is not known`);
    expect(up.stderr).toContain(fingerprint);
    expect(up.stderr).toContain(`ssh-keyscan -p ${hosts.el2.ssh_port} 127.0.0.1 >> ${file}`);
    expect(await readFile(file, 'utf8')).toBe('');
  });

  it('a changed host key is refused, and the way to remove the old one named', async () => {
    const folder = dirname(await inventory('x.yaml'));
    const file = join(folder, 'known_hosts');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'other')]);
    const other = (await readFile(join(folder, 'other.pub'), 'utf8')).trim();
    const { hosts } = await labInfo();
    await writeFile(
      file,
      `[127.0.0.1]:${hosts.el1.ssh_port} ${other}\n[127.0.0.1]:${hosts.el2.ssh_port} ${other}\n`,
    );
    const up = await refusedUp({ known_hosts_file: file });
    expect(up.stderr).toMatch(/the host key of lb1 .* is not the one in .*known_hosts:1/);
    expect(up.stderr).toContain(`ssh-keygen -f ${file} -R '[127.0.0.1]:${hosts.el2.ssh_port}'`);
  });

  it('a key that the hosts do not know is refused, and ssh-copy-id named', async () => {
    const key = join(dirname(await inventory('x.yaml')), 'stranger');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const up = await refusedUp({ identity_file: key });
    expect(up.stderr).toContain('ssh-copy-id');
    expect(up.stderr).toMatch(/web\/lb1|lb1/);
  });

  it('a user without sudo is refused, and sudo named', async () => {
    const up = await refusedUp({ user: 'nosudo' });
    expect(up.stderr).toMatch(/sudo/);
    expect(up.stderr).toContain('NOPASSWD');
  });

  it('a user with sudo can do all that root can', async () => {
    const path = await inventory('ops.yaml', ({ ssh }) => {
      ssh.user = 'ops';
    });
    const [status, plan] = await Promise.all([lbctl('status', path), lbctl('plan', path, '--json')]);
    expect(status.exit, status.said).toBe(0);
    expect(plan.exit, plan.said).toBe(0);
    expect(planOf(plan).status).toBe('noop');
    const edited = await inventory('ops.yaml', ({ ssh, clusters: { web } }) => {
      ssh.user = 'ops';
      web.haproxy.backends.app.balance = 'leastconn';
    });
    const up = await lbctl('up', edited, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(summaryOf(up).hosts.lb1?.changed).toEqual(['haproxy_config']);
    expect((await lbctl('up', ready)).exit).toBe(0);
  });
});
