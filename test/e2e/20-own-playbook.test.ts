import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask, on, onBoth } from './support/hosts.js';
import { eventsOf, lbctl, planned, planOf, type Run, summaryOf } from './support/lbctl.js';
import { inventory, startBare, status, workFolder } from './support/pair.js';

const PLAYBOOKS = fileURLToPath(new URL('../../playbooks/', import.meta.url));

const TOKEN = 'tR4wq9Zk';

const BEFORE = `
- play: own things first
  tasks:
    - package: { name: haproxy }
    - package: { name: lab-tool }
    - sysctl: { net.core.somaxconn: 8192, net.ipv4.tcp_fin_timeout: 20 }
    - name: Banner
      file: { path: /etc/own/banner, source: files/banner, mode: 640, group: daemon }
`;

const AFTER = `
- play: own service
  order: standby-first
  tasks:
    - file: { path: /etc/own/ticker.conf, source: files/ticker.conf }
      notify: [restart own-ticker]
    - file: { path: /etc/own/token, content: "${TOKEN}", mode: 0600, secret: yes }
    - file: { path: /usr/local/bin/own-blob, source: files/blob, mode: 0755 }
    - file:
        path: /usr/local/bin/own-ticker
        mode: 0755
        content: |
          #!/bin/sh
          cp /etc/own/ticker.conf /run/own-ticker.seen
          exec sleep 1000000
    - file:
        path: /etc/systemd/system/own-ticker.service
        content: |
          [Service]
          ExecStart=/usr/local/bin/own-ticker
          [Install]
          WantedBy=multi-user.target
    - service: { name: own-ticker }
    - name: Count the lines
      command:
        run: |
          lines=$(wc -l </etc/own/banner)
          echo "\${lines} in $$" >/var/lib/own-lines
        unless: test -s /var/lib/own-lines
    - name: Make a folder
      command: { run: mkdir /var/lib/own-folder, creates: /var/lib/own-folder }
`;

const OWN = [
  'command:Count-the-lines',
  'command:Make-a-folder',
  'file:/etc/own/banner',
  'file:/etc/own/ticker.conf',
  'file:/etc/own/token',
  'file:/etc/systemd/system/own-ticker.service',
  'file:/usr/local/bin/own-blob',
  'file:/usr/local/bin/own-ticker',
  'package:haproxy',
  'package:lab-tool',
  'service:own-ticker',
  'sysctl:net.core.somaxconn',
  'sysctl:net.ipv4.tcp_fin_timeout',
];

/** Two own plays around lbctl's, with one more task in its play of HAProxy. */
async function writePlaybook(folder: string): Promise<string> {
  await mkdir(join(folder, 'files'));
  await writeFile(join(folder, 'files/banner'), 'Mind the gap\n');
  await writeFile(join(folder, 'files/ticker.conf'), 'interval 1\npassword: hunter22\n');
  await writeFile(join(folder, 'files/blob'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 0xfe, 10, 0]));
  const up = await readFile(join(PLAYBOOKS, 'up.yaml'), 'utf8');
  const between = `    - name: Error page
      file: { path: /etc/haproxy/errors/own.http, content: "HTTP/1.0 503 Sorry\\r\\n\\r\\n" }
      notify: [reload haproxy]
  gates: [haproxy-serving]`;
  const path = join(folder, 'own.yaml');
  await writeFile(path, BEFORE + up.replace('  gates: [haproxy-serving]', between) + AFTER);
  return path;
}

function onHost(run: Run, host: string): string[] {
  return planned(run).flatMap((it) => (it.startsWith(`${host} `) ? [it.slice(host.length + 1)] : []));
}

const pids = () => onBoth('systemctl show own-ticker haproxy keepalived -p MainPID --value | xargs');

describe("an operator's own playbook", () => {
  let folder: string;
  let path: string;
  let playbook: string;
  const run = (command: string, ...rest: string[]) => lbctl(command, path, '--playbook', playbook, ...rest);

  beforeAll(async () => {
    folder = await workFolder();
    playbook = await writePlaybook(folder);
    path = await inventory('own.yaml');
    await startBare();
    await on('lb1', 'mkdir /etc/own && echo "as it was" >/etc/own/banner');
  });

  it('is answered with all of its mistakes, and nothing is contacted', async () => {
    const wrong = join(folder, 'wrong.yaml');
    await writeFile(
      wrong,
      `- play: own
  tasks:
    - pakage: { name: chrony }
    - file: { path: /etc/x, source: files/baner }
      notify: [restart own-tiker]
    - service: { name: own-ticker }
`,
    );
    const far = await inventory('far.yaml', (file) => {
      for (const host of Object.values(file.clusters.web.hosts)) host.ssh.hostname = '192.0.2.1';
    });
    const { exit, said } = await lbctl('up', far, '--playbook', wrong);
    expect(exit, said).toBe(3);
    expect(said).toContain(`${wrong}:3:7: "pakage" is not a key of "task"`);
    expect(said).toContain('did you mean "package"?');
    expect(said).toContain(`${wrong}:4:37: "${join(folder, 'files/baner')}" does not exist`);
    expect(said).toContain(`${wrong}:5:16: no task of this playbook names the service "own-tiker"`);
    expect(said).toContain('did you mean "restart own-ticker"?');
    expect(said).not.toContain('connect');
  });

  it('is planned with diffs, and without secrets', async () => {
    const plan = await run('plan', '--json');
    expect(plan.exit, plan.said).toBe(2);
    const page = 'file:/etc/haproxy/errors/own.http';
    expect(onHost(plan, 'lb2').filter((it) => OWN.includes(it) || it === page)).toEqual(
      [...OWN, page].sort(),
    );
    const diffs = new Map(
      planOf(plan).changes.map(({ host, resource, diff }) => [`${host} ${resource}`, diff]),
    );
    expect(diffs.get('lb1 file:/etc/own/banner')).toMatch(/^-as it was\n\+Mind the gap$/m);
    expect(diffs.get('lb2 file:/etc/own/banner')).toMatch(/^--- \/dev\/null\n\+\+\+ \/etc\/own\/banner$/m);
    expect(diffs.get('lb2 file:/etc/own/ticker.conf')).toMatch(/^\+interval 1\n\+password: \*+$/m);
    expect(diffs.get('lb2 file:/etc/own/token')).toContain('its content is secret');
    expect(diffs.get('lb2 file:/usr/local/bin/own-blob')).toContain('9 bytes, sha256 ');
    expect(diffs.get('lb2 sysctl:net.core.somaxconn')).toMatch(/^\+net\.core\.somaxconn = 8192$/m);
    expect(plan.said).not.toMatch(new RegExp(`${TOKEN}|hunter22`));
  });

  it('is applied with the pair around it', async () => {
    const up = await run('up', '--json', '--log-file', join(folder, 'log'));
    expect(up.exit, up.said).toBe(0);
    const { hosts, clusters } = summaryOf(up);
    expect(clusters.web?.state).toBe('healthy');
    for (const host of ['lb1', 'lb2']) expect(hosts[host]?.changed).toEqual(expect.arrayContaining(OWN));
    // Its service was started after all that it reads.
    expect(eventsOf(up).filter(({ resource }) => resource === 'restart own-ticker')).toEqual([]);
    expect(up.said + (await readFile(join(folder, 'log'), 'utf8'))).not.toMatch(
      new RegExp(`${TOKEN}|hunter22`),
    );
    const seen = await onBoth(
      `stat -c '%a %U:%G' /etc/own/banner /etc/own/token
sha256sum </usr/local/bin/own-blob | cut -c1-12
cat /etc/own/token; echo; cat /run/own-ticker.seen /proc/sys/net/core/somaxconn
systemctl is-enabled own-ticker; lab-tool; cat /var/lib/own-lines; ls -d /var/lib/own-folder`,
    );
    for (const host of seen) {
      expect(host).toMatch(
        new RegExp(
          `^640 root:daemon\n600 root:root\n\\w{12}\n${TOKEN}\ninterval 1\npassword: hunter22\n8192\nenabled\nthe tool of the lab\n1 in \\d+\n/var`,
        ),
      );
    }
    expect(await on('lb1', 'cat /var/lib/lbctl/generations/0/files/etc/own/banner')).toBe('as it was');
    expect(await on('lb2', 'cat /var/lib/lbctl/generations/0/missing')).toContain('/etc/own/banner');
  });

  it('has nothing to do the second time', async () => {
    const before = await pids();
    const plan = await run('plan');
    expect(plan.exit, plan.said).toBe(0);
    const up = await run('up', '--json');
    expect(up.exit, up.said).toBe(0);
    expect(summaryOf(up).hosts).toMatchObject({ lb1: { changed: [] }, lb2: { changed: [] } });
    expect(await pids()).toEqual(before);
  });

  it('an edited source is sent, and its service restarted once', async () => {
    await writeFile(join(folder, 'files/ticker.conf'), 'interval 5\npassword: hunter22\n');
    const plan = await run('plan', '--json');
    expect(planned(plan)).toEqual(['lb1 file:/etc/own/ticker.conf', 'lb2 file:/etc/own/ticker.conf']);
    expect(planOf(plan).changes[0]?.diff).toMatch(/^-interval 1\n\+interval 5$/m);
    const before = await pids();
    const up = await run('up', '--json');
    expect(up.exit, up.said).toBe(0);
    const restarts = eventsOf(up).filter(
      ({ resource, state }) => resource === 'restart own-ticker' && state === 'done',
    );
    // The standby first.
    expect(restarts.map(({ host }) => host)).toEqual(['lb2', 'lb1']);
    expect(await onBoth('head -1 /run/own-ticker.seen')).toEqual(['interval 5', 'interval 5']);
    const after = await pids();
    for (const [index, pid] of after.entries()) {
      expect(pid.split(' ')[0]).not.toBe(before[index]?.split(' ')[0]);
      expect(pid.split(' ').slice(1)).toEqual(before[index]?.split(' ').slice(1));
    }
    expect((await run('plan')).exit).toBe(0);
  });

  it('what was changed by hand is found and mended', async () => {
    await on(
      'lb2',
      `echo by hand >>/etc/own/banner; chmod 644 /etc/own/token; rm -r /var/lib/own-folder
: >/usr/local/bin/own-blob; echo 128 >/proc/sys/net/core/somaxconn
systemctl -q disable --now own-ticker`,
    );
    // As a run leaves it that is cut off between the file and the restart.
    await on('lb1', 'sleep 0.2; touch /etc/own/ticker.conf; : >/var/lib/own-lines');
    const plan = await run('plan', '--json');
    expect(onHost(plan, 'lb1')).toEqual(['command:Count-the-lines', 'service:own-ticker']);
    expect(onHost(plan, 'lb2')).toEqual([
      'command:Make-a-folder',
      'file:/etc/own/banner',
      'file:/etc/own/token',
      'file:/usr/local/bin/own-blob',
      'service:own-ticker',
      'sysctl:net.core.somaxconn',
    ]);
    const reasons = new Map(planOf(plan).changes.map((it) => [`${it.host} ${it.resource}`, it.reason]));
    expect(reasons.get('lb1 service:own-ticker')).toBe('runs by an older /etc/own/ticker.conf');
    expect(reasons.get('lb2 service:own-ticker')).toBe('not enabled, not running (inactive)');
    expect(reasons.get('lb2 file:/etc/own/token')).toBe('/etc/own/token: mode 644, not 0600');
    expect(reasons.get('lb2 sysctl:net.core.somaxconn')).toBe('net.core.somaxconn is 128, not 8192');
    const up = await run('up', '--json');
    expect(up.exit, up.said).toBe(0);
    const again = await run('plan');
    expect(again.exit, again.said).toBe(0);
    expect(await onBoth('cat /etc/own/banner; systemctl is-active own-ticker')).toEqual(
      Array(2).fill('Mind the gap\nactive'),
    );
  });

  it('a file that lbctl manages only now is kept as it was before lbctl', async () => {
    await on('lb1', 'echo theirs >/etc/own/later');
    const more = join(folder, 'more.yaml');
    await writeFile(more, '- play: own\n  tasks:\n    - file: { path: /etc/own/later, content: mine }\n');
    const up = await lbctl('up', path, '--playbook', more);
    expect(up.exit, up.said).toBe(0);
    expect(await on('lb1', 'cat /etc/own/later; cat /var/lib/lbctl/generations/0/files/etc/own/later')).toBe(
      'minetheirs',
    );
    expect(await on('lb2', 'tail -1 /var/lib/lbctl/generations/0/missing')).toBe('/etc/own/later');
  });

  it.each([
    ['fails', 'echo it is full >&2; exit 3', 'it is full', /failed with exit code 3/],
    ['does not do what it is for', 'true', '/var/lib/never does not exist', /still differs/],
    ['takes too long', 'sleep 30', 'did not end within 1 s', /did not end within its time limit/],
    ['is no shell', 'if true; then', 'bad-shell', /cannot read its lines/],
  ])('a command that %s fails the run, and nothing after it is begun', async (_, lines, said, message) => {
    const wrong = join(folder, 'command.yaml');
    await writeFile(
      wrong,
      `- play: own
  order: standby-first
  tasks:
    - name: Wrong
      command: { run: ${JSON.stringify(lines)}, creates: /var/lib/never, timeout: 1 }
    - file: { path: /var/lib/after, content: "" }
`,
    );
    const up = await lbctl('up', path, '--playbook', wrong, '--json');
    expect(up.exit, up.said).toBe(1);
    expect(up.said).toContain(said);
    expect(up.said).toMatch(message);
    expect(await on('lb1', 'ls /var/lib/after 2>&1 || :')).toContain('No such file');
    expect((await status(path)).state).toBe('healthy');
    await on('lb2', 'rm -f /var/lib/after');
  });
});

describe('the example that ships', () => {
  it('adds metrics and a kernel setting to a pair', async () => {
    const path = await inventory('example.yaml');
    const example = join(PLAYBOOKS, 'with-node-exporter.yaml');
    await onBoth('rm -f /etc/sysctl.d/91-lbctl-*; echo 1000 >/proc/sys/net/core/somaxconn');
    const first = await lbctl('plan', path, '--playbook', example, '--json');
    expect(first.exit, first.said).toBe(2);
    const diffs = new Map(planOf(first).changes.map((it) => [`${it.host} ${it.resource}`, it.diff]));
    expect(diffs.get('lb2 file:/usr/local/bin/host-metrics')).toMatch(/^\+#!\/bin\/sh$/m);
    expect(diffs.get('lb1 sysctl:net.core.somaxconn')).toMatch(/^\+net\.core\.somaxconn = 8192$/m);
    const up = await lbctl('up', path, '--playbook', example, '--json');
    expect(up.exit, up.said).toBe(0);
    expect(summaryOf(up).hosts.lb1?.changed).toEqual(
      expect.arrayContaining(['file:/usr/local/bin/host-metrics', 'service:host-metrics.socket']),
    );
    const address = /address: ([\d.]+)/.exec(await readFile(path, 'utf8'))?.[1];
    const metrics = await ask(`http://${address}:9100/metrics`);
    expect(metrics).toContain('node_systemd_unit_state{name="haproxy.service",state="active"} 1');
    expect(metrics.find((line) => line.startsWith('node_memory_MemTotal_bytes '))).toMatch(/ \d{8,}$/);
    expect(await onBoth('cat /proc/sys/net/core/somaxconn')).toEqual(['8192', '8192']);
    const plan = await lbctl('plan', path, '--playbook', example);
    expect(plan.exit, plan.said).toBe(0);
    const again = await lbctl('up', path, '--playbook', example, '--json');
    expect(again.exit, again.said).toBe(0);
    expect(summaryOf(again).hosts).toMatchObject({ lb1: { changed: [] }, lb2: { changed: [] } });
  });
});
