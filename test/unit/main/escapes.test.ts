import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundle, run } from '../support/bundle.js';
import { SMALLEST } from '../support/model.js';
import { authorize, canRunSshd, makeKey, type Sshd, startSshd } from '../transport/sshd.js';

const NASTY = '\x1b[2J\x1b]0;owned\x07\u009b31m\u202eterces';
/** Whatever moves the cursor, colours, hides or turns around. */
const RAW = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/;

describe.runIf(canRunSshd())('a host that sends escapes for the terminal', () => {
  let built: Bundle;
  let sshd: Sshd;
  let inventory: (key: string) => string;

  beforeAll(async () => {
    built = bundle();
    const banner = join(built.folder, 'banner');
    writeFileSync(banner, `${NASTY}\n`);
    sshd = await startSshd([`Banner ${banner}`]);
    const nasty = join(sshd.dir, 'nasty');
    writeFileSync(nasty, `#!/bin/sh\ncat ${banner}; cat ${banner} >&2; exit 1\n`, { mode: 0o755 });
    authorize(sshd, makeKey(join(sshd.dir, 'speaks')), `command="${nasty}"`);
    // Lets every script run, as root of an operating system with such a name.
    const named = join(sshd.dir, 'named');
    const release = join(sshd.dir, 'os-release');
    writeFileSync(release, `ID=debian\nPRETTY_NAME="${NASTY}"\n`);
    writeFileSync(
      named,
      `#!/bin/sh\nexec unshare -m sh -c 'mount --bind ${release} /etc/os-release && eval "$SSH_ORIGINAL_COMMAND"'\n`,
      { mode: 0o755 },
    );
    authorize(sshd, makeKey(join(sshd.dir, 'named-key')), `command="${named}"`);
    makeKey(join(sshd.dir, 'unknown'));
    const known = join(sshd.dir, 'known');
    const hostKey = readFileSync(join(sshd.dir, 'host_ed25519.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(known, `[127.0.0.1]:${sshd.port} ${hostKey}\n`);
    inventory = (key) => {
      const path = join(sshd.dir, `${key}.yaml`);
      const ssh = `{ user: root, hostname: 127.0.0.1, port: ${sshd.port}, known_hosts_file: ${known}, identity_file: ${join(sshd.dir, key)} }`;
      const dead = '{ hostname: 127.0.0.1, port: 1 }';
      writeFileSync(
        path,
        SMALLEST.replace('lb1: 10.0.0.11', `lb1: { address: 10.0.0.11, ssh: ${ssh} }`).replace(
          'lb2: 10.0.0.12',
          `lb2: { address: 10.0.0.12, ssh: ${dead} }`,
        ),
      );
      return path;
    };
  }, 60_000);
  afterAll(async () => {
    built.remove();
    await sshd.stop();
  });

  it.each(['ping', 'status', 'plan', 'up', 'lock status'])(
    '%s shows them as text',
    (command) => {
      for (const key of ['speaks', 'unknown']) {
        const args = [...command.split(' '), '-v', inventory(key)];
        const { exit, stdout, stderr } = run(built, 'lbctl', args);
        expect(exit, stderr).toBe(4);
        const said = stdout + stderr;
        expect(said.replaceAll('\n', '')).not.toMatch(RAW);
        // status leaves out what a host says that lets nobody in.
        if (command !== 'status' || key === 'speaks') expect(said, `${command} ${key}`).toContain('[2J');
      }
    },
    60_000,
  );

  it.each(['text', 'json'])('what it is called (%s)', (kind) => {
    const args = [
      'ping',
      inventory('named-key'),
      '--limit',
      'web/lb1',
      ...(kind === 'json' ? ['--json'] : []),
    ];
    const { stdout, stderr } = run(built, 'lbctl', args);
    expect(stdout, stderr).toContain(kind === 'json' ? '\\u001b[2J' : '\\x1b[2J');
    expect(stdout.replaceAll('\n', '')).not.toMatch(kind === 'json' ? /[\x00-\x1f]/ : RAW);
  });
});
