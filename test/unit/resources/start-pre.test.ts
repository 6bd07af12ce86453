import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { raw } from '../../../src/base/shell.js';
import { onlyChecksProbe } from '../../../src/resources/probes/start-pre.js';
import { runShell, temporaryFolder } from '../support/shell.js';

const ETC = '/etc/systemd/system/haproxy.service';
const USR = '/usr/lib/systemd/system/haproxy.service';
const EL = 'ExecStartPre=/usr/sbin/haproxy -f $CONFIG -f $CFGDIR -c -q $OPTIONS';
const DEBIAN = 'ExecStartPre=/usr/sbin/haproxy -Ws -f $CONFIG -c -q $EXTRAOPTS';
const MKDIR = 'ExecStartPre=/usr/bin/mkdir -p /run/haproxy';
const OURS = 'ExecStartPre=\nExecStartPre=-/usr/libexec/keepalived/lbctl-takeover haproxy start-pre';

it.each<[string, Record<string, string>, boolean]>([
  ['where HAProxy is not installed yet', {}, true],
  ['of EL', { [USR]: EL }, true],
  ['of Debian', { [USR]: DEBIAN }, true],
  ['without any', { [USR]: 'ExecStart=/usr/sbin/haproxy' }, true],
  ['with our drop-in', { [USR]: EL, [`${ETC}.d/lbctl.conf`]: OURS }, true],
  ['of an operator who makes a folder first', { [ETC]: `${EL}\n${MKDIR}` }, false],
  ['with a drop-in of an earlier name', { [USR]: EL, [`${ETC}.d/10-own.conf`]: MKDIR }, false],
  ['that says it with spaces', { [USR]: ' ExecStartPre = /usr/bin/mkdir /run/x' }, false],
  ['with a drop-in of an earlier name in another folder', { [`${USR}.d/10-own.conf`]: MKDIR }, false],
  ['with a drop-in of a later name, which counts for itself', { [`${ETC}.d/override.conf`]: MKDIR }, true],
  ['with a drop-in that resets', { [USR]: EL, [`${ETC}.d/10-own.conf`]: 'ExecStartPre=' }, true],
  ['that starts something of a like name', { [USR]: 'ExecStartPre=/opt/haproxy-prepare -c' }, false],
])('nothing but the check comes before the start: the unit %s', (_, files, expected) => {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `[Service]\n${text}\n`);
  }
  const here = onlyChecksProbe.script.text
    .reveal()
    .replace(/(?<=[ ;])\/(?=\S+\/systemd\/system)/g, `${root}/`);
  const { stdout, ...rest } = runShell(raw(here));
  const result = onlyChecksProbe.parse({ ...rest, stdout: stdout.replaceAll(root, '') });
  expect(result).toEqual({ ok: true, value: expected });
});

it('unknown where the units cannot be read', () => {
  const result = onlyChecksProbe.parse({ stdout: '', stderr: 'grep: x: Input/output error', exitCode: 2 });
  expect(result).toEqual({
    ok: false,
    error: 'the units of haproxy cannot be read: grep: x: Input/output error',
  });
});
