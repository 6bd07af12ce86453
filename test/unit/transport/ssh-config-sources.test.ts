import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configHome, hasSsh, question } from './config-home.js';

const { home, user, system, lookup } = configHome();

describe.runIf(hasSsh)('where a setting was written', () => {
  it('says which file and line each value is from', async () => {
    writeFileSync(join(home, '.ssh', 'more'), 'Host lb*\n  Port 2022\n');
    writeFileSync(
      user,
      `Include ${join(home, '.ssh', 'more')}
Host web*
  User never
Match host lb1
  User ops
Host lb1
  Port 9
  IdentityFile ~/.ssh/one
  IdentityFile ~/.ssh/two
`,
    );
    const { sources } = await lookup().answer(question('lb1'));
    expect(sources).toEqual([
      { keyword: 'User', value: 'ops', place: `${user}:5` },
      { keyword: 'Port', value: '2022', place: `${join(home, '.ssh', 'more')}:2` },
      { keyword: 'IdentityFile', value: '~/.ssh/one ~/.ssh/two', place: `${user}:8, ${user}:9` },
    ]);
  });

  it('also of what would hold without it, but not of what another line makes void', async () => {
    writeFileSync(
      user,
      'Host lb1\n  Port 22\n  HostName lb1\n  BatchMode no\n  ProxyCommand nc %h %p\n  ProxyJump other\n',
    );
    const { sources } = await lookup().answer(question('lb1'));
    expect(sources).toEqual([
      { keyword: 'HostName', value: 'lb1', place: `${user}:3` },
      { keyword: 'Port', value: '22', place: `${user}:2` },
      { keyword: 'ProxyCommand', value: 'nc %h %p', place: `${user}:5` },
      { keyword: 'BatchMode', value: 'no', place: `${user}:4` },
    ]);
  });

  it('Match all, and what is set for all hosts, has its place too', async () => {
    writeFileSync(user, 'Match all\n  Port 77\n  BatchMode yes\n  ServerAliveCountMax 9\n');
    writeFileSync(system, 'HashKnownHosts yes\n');
    const { sources } = await lookup().answer(question('lb1'));
    expect(sources).toEqual([
      { keyword: 'Port', value: '77', place: `${user}:2` },
      { keyword: 'ServerAliveCountMax', value: '9', place: `${user}:4` },
      { keyword: 'HashKnownHosts', value: 'yes', place: `${system}:1` },
      { keyword: 'BatchMode', value: 'yes', place: `${user}:3` },
    ]);
    // Also where ssh need not be asked.
    writeFileSync(user, '');
    const plain = await lookup('/nowhere/ssh').answer(question('lb1'));
    expect(plain.sources).toEqual([{ keyword: 'HashKnownHosts', value: 'yes', place: `${system}:1` }]);
  });
});
