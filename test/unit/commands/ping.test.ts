import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ping } from '../../../src/commands/ping.js';
import { testIo } from '../support/io.js';
import { SMALLEST } from '../support/model.js';
import { temporaryFolder } from '../support/shell.js';
import { Logins } from '../transport/logins.js';
import { authorize, canRunSshd, makeKey } from '../transport/sshd.js';

describe.runIf(canRunSshd())('lbctl ping', () => {
  let logins: Logins;
  beforeAll(async () => {
    logins = await Logins.start();
  });
  afterAll(() => logins.sshd.stop());

  it('-v says of each SSH setting which file it came from, and of each connection with which key', async () => {
    const config = join(logins.sshd.home, '.ssh', 'config');
    writeFileSync(
      config,
      `Host lb1
  User root
  Port ${logins.sshd.port}
  HostName 127.0.0.1
Host *
  IdentityFile ${logins.key}
  ConnectTimeout 7
  StrictHostKeyChecking yes
`,
    );
    const inventory = join(temporaryFolder(), 'inventory.yaml');
    writeFileSync(
      inventory,
      `ssh: { strict_host_key_checking: accept-new, known_hosts_file: ${logins.knownHosts} }
${SMALLEST.replace(/lb1: (\S+)/, 'lb1: { address: $1, ssh: { hostname: lb1 } }')}`,
    );
    const io = testIo({ HOME: logins.sshd.home });
    await ping(inventory, { verbose: true, limit: 'web/lb1' }, io);
    const lines = io.err().split('\n');
    const settings = lines.find((line) => line.includes('ssh settings of lb1'));
    for (const said of [
      `User root (${config}:2)`,
      `Port ${logins.sshd.port} (${config}:3)`,
      `HostName 127.0.0.1 (${config}:4)`,
      `IdentityFile ${logins.key} (${config}:6)`,
      `ConnectTimeout 7 (${config}:7)`,
      `StrictHostKeyChecking accept-new (${inventory})`,
      `UserKnownHostsFile ${logins.knownHosts} (${inventory})`,
    ])
      expect(settings).toContain(said);
    // What the inventory overrules is not told as if it counted.
    expect(settings).not.toContain('StrictHostKeyChecking yes');
    const connected = lines.find((line) => line.includes('connected to'));
    expect(connected).toMatch(/^web\/lb1: connected to lb1 \(127\.0\.0\.1 port \d+\) as root with /);
    expect(connected).toContain(`with ${logins.key}; host key ssh-ed25519 SHA256:`);
    // Without -v there is none of it.
    const quiet = testIo({ HOME: logins.sshd.home });
    await ping(inventory, { limit: 'web/lb1' }, quiet);
    expect(quiet.err()).toBe('');
    expect(quiet.out()).toMatch(/lb1 +\S+ +ok \(\d+ ms\) +ok/);
  });

  it.each(['timeout', 'head'])('without %s no script starts: which, and exit 1', async (tool) => {
    const folder = temporaryFolder();
    for (const other of ['timeout', 'head'].filter((it) => it !== tool))
      symlinkSync(`/usr/bin/${other}`, join(folder, other));
    const key = makeKey(join(folder, 'key'));
    authorize(logins.sshd, key, `command="PATH=${folder} exec /bin/sh -c \\"$SSH_ORIGINAL_COMMAND\\""`);
    const inventory = join(folder, 'inventory.yaml');
    const ssh = `hostname: 127.0.0.1, port: ${logins.sshd.port}, user: root, identity_file: ${key}`;
    writeFileSync(
      inventory,
      `ssh: { strict_host_key_checking: accept-new, known_hosts_file: ${logins.knownHosts} }
${SMALLEST.replace(/lb1: (\S+)/, `lb1: { address: $1, ssh: { ${ssh} } }`)}`,
    );
    const io = testIo({ HOME: logins.sshd.home });
    const exit = await ping(inventory, { limit: 'web/lb1' }, io);
    expect(io.out()).toMatch(new RegExp(`lb1 +\\S+ +ok \\(\\d+ ms\\) +ok +no ${tool} +-`));
    expect(io.out()).toMatch(new RegExp(`lb1 has no ${tool} \\[tool-missing\\][\\s\\S]*coreutils`));
    expect(exit).toBe(1);
  });
});
