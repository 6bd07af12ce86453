import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLine } from '../../../src/transport/config-files.js';
import type { ConfigQuestion } from '../../../src/transport/config-lookup.js';
import { NO_CONFIG } from '../../../src/transport/ssh-config.js';
import { targetOf } from '../../../src/transport/target.js';
import { configHome, hasSsh, question } from './config-home.js';
import { hostWith } from './hosts.js';

const { home, user, system, lookup } = configHome();
const programs = [...(hasSsh ? ['ssh'] : []), null] as const;
const config = async (name: string, more: Partial<ConfigQuestion> = {}, program: string | null = 'ssh') =>
  (await lookup(program).answer(question(name, more))).config;

describe('a line', () => {
  it.each([
    ['  HostName  10.0.0.1  ', 'hostname', ['10.0.0.1']],
    ['Port=2222', 'port', ['2222']],
    ['UserKnownHostsFile = "/a b/c" ~/d', 'userknownhostsfile', ['/a b/c', '~/d']],
    ['Host lb1 !lb2 # a comment', 'host', ['lb1', '!lb2']],
  ])('%j', (line, keyword, words) => expect(parseLine(line)).toMatchObject({ keyword, words }));
  it.each(['', '   ', '# Host lb1'])('%j says nothing', (line) => expect(parseLine(line)).toBeNull());
});

describe.each(programs)('the ssh configuration, read by %s', (program) => {
  const read = (name: string, more: Partial<ConfigQuestion> = {}) => config(name, more, program);

  it('nothing configured', async () => expect(await read('lb1')).toEqual(NO_CONFIG));

  it('aliases, patterns, negation, the first value wins, both files', async () => {
    writeFileSync(
      user,
      `Host lb1
  HostName 10.0.0.1
  User ops
  IdentityFile ~/.ssh/one
Host lb* !lb9
  Port 2022
  User never
  IdentityFile ~/.ssh/two
  HostKeyAlias pair
`,
    );
    writeFileSync(system, 'Host *\n  ConnectTimeout 7\n  HashKnownHosts yes\n  ServerAliveInterval 20\n');
    expect(await read('lb1')).toMatchObject({
      hostname: '10.0.0.1',
      user: 'ops',
      port: 2022,
      identityFiles: ['~/.ssh/one', '~/.ssh/two'],
      hostKeyAlias: 'pair',
      connectTimeout: 7,
      serverAliveInterval: 20,
      hashKnownHosts: true,
    });
    expect(await read('lb9')).toMatchObject({ hostname: null, user: null, port: null, connectTimeout: 7 });
  });

  it('everything else that counts', async () => {
    writeFileSync(
      user,
      `Host lb1
  IdentitiesOnly yes
  IdentityAgent none
  ProxyJump ops@bastion:2222,inner
  UserKnownHostsFile /kh/one /kh/two
  GlobalKnownHostsFile /kh/global
  StrictHostKeyChecking accept-new
  ServerAliveCountMax 9
  PasswordAuthentication no
  BatchMode yes
Host lb2
  ProxyCommand nc -X connect %h %p
  StrictHostKeyChecking no
`,
    );
    expect(await read('lb1')).toMatchObject({
      identitiesOnly: true,
      identityAgent: 'none',
      proxyJump: 'ops@bastion:2222,inner',
      proxyCommand: null,
      userKnownHostsFiles: ['/kh/one', '/kh/two'],
      globalKnownHostsFiles: ['/kh/global'],
      strictHostKeyChecking: 'accept-new',
      serverAliveCountMax: 9,
      passwordAuthentication: false,
      batchMode: true,
    });
    expect(await read('lb2')).toMatchObject({
      proxyCommand: 'nc -X connect %h %p',
      proxyJump: null,
      strictHostKeyChecking: 'no',
    });
  });

  it('Include, also with a pattern, also inside of a Host', async () => {
    mkdirSync(join(home, '.ssh', 'conf.d'));
    writeFileSync(join(home, '.ssh', 'conf.d', 'a.conf'), 'Port 2200\n');
    writeFileSync(join(home, '.ssh', 'conf.d', 'b.conf'), 'Host lb1\n  User ops\n');
    const include = program === null ? 'conf.d/*.conf' : join(home, '.ssh', 'conf.d', '*.conf');
    writeFileSync(user, `Include ${include}\n`);
    expect(await read('lb1')).toMatchObject({ port: 2200, user: 'ops' });
    expect(await read('web1')).toMatchObject({ port: 2200, user: null });
  });

  it('Include of a bracket pattern, and of a pattern that a directory fits', async () => {
    mkdirSync(join(home, '.ssh', 'conf.d', 'old'), { recursive: true });
    writeFileSync(join(home, '.ssh', 'conf.d', '1-a'), 'Port 2200\n');
    writeFileSync(join(home, '.ssh', 'conf.d', 'x-b'), 'Port 2300\n');
    for (const pattern of ['[0-9]-*', '[!x]-?', '?-a', '*']) {
      const include = program === null ? `conf.d/${pattern}` : join(home, '.ssh', 'conf.d', pattern);
      writeFileSync(user, `Include ${include}\n`);
      expect((await read('lb1')).port, pattern).toBe(2200);
    }
  });

  it('IdentityFile none means no key files, and ServerAliveInterval 0 no questions whether it lives', async () => {
    writeFileSync(user, 'Host lb1\n  IdentityFile none\n  ServerAliveInterval 0\n');
    expect(await read('lb1')).toMatchObject({ identityFiles: [], serverAliveInterval: 0 });
    expect(await read('lb2')).toMatchObject({ identityFiles: null, serverAliveInterval: null });
    const { keys, keepalive } = targetOf(hostWith({ hostname: 'lb1' }), 'me', {
      homeDir: home,
      config: await read('lb1'),
    });
    expect([keys.files, keepalive.intervalMs]).toEqual([[], 0]);
  });

  it('names of files with spaces in them, and HostName with percent signs', async () => {
    writeFileSync(user, 'Host lb1\n  UserKnownHostsFile "/a b/c" ~/d\n  HostName %h.example%%\n');
    expect(await read('lb1')).toMatchObject({
      userKnownHostsFiles: ['/a b/c', '~/d'],
      hostname: 'lb1.example%',
    });
  });

  it('BatchMode forbids every question', async () => {
    writeFileSync(user, 'Host lb1\n  BatchMode yes\n');
    const target = targetOf(hostWith({}), 'me', { config: await read('lb1') });
    expect(target.ask.anything).toBe(false);
    expect(targetOf(hostWith({}), 'me', { config: await read('lb2') }).ask.anything).toBe(true);
  });

  it("the inventory's user and port are not what the configuration says", async () => {
    writeFileSync(user, 'Host lb1\n  User ops\n  Port 2022\n  HostKeyAlias x\n');
    expect(await read('lb1', { user: 'me', port: 9 })).toMatchObject({
      user: null,
      port: null,
      hostKeyAlias: 'x',
    });
  });

  it("the inventory's name counts as an alias where it leads to the same address", async () => {
    writeFileSync(
      user,
      'Host lb1\n  HostName 10.0.0.1\n  User ops\nHost lb2\n  HostName 10.9.9.9\n  User other\n',
    );
    expect((await read('10.0.0.1', { alias: 'lb1' })).user).toBe('ops');
    expect((await read('10.0.0.2', { alias: 'lb2' })).user).toBeNull();
  });
});

describe.runIf(hasSsh)('with ssh', () => {
  it('Match, by host, user and command', async () => {
    writeFileSync(
      user,
      `Match host 10.0.0.* user ops
  Port 2022
Match exec "test %h = 10.0.0.5"
  HostKeyAlias five
`,
    );
    expect(await config('10.0.0.1', { user: 'ops' })).toMatchObject({ port: 2022, hostKeyAlias: null });
    expect(await config('10.0.0.1', { user: 'root' })).toMatchObject({ port: null });
    expect(await config('10.0.0.5')).toMatchObject({ hostKeyAlias: 'five' });
  });

  it.each(['${LBCTL_TEST_DIR}/more', '%d/more', '~nobody/more'])(
    'an Include that only ssh can follow (%s) is left to ssh',
    async (path) => {
      const called = join(home, 'called');
      rmSync(called, { force: true });
      const program = join(home, 'fake-ssh');
      writeFileSync(
        program,
        `#!/bin/sh\necho "$*" >> ${called}\ncase "$*" in *lb1) echo "port 2022" ;; esac\n`,
        { mode: 0o755 },
      );
      writeFileSync(user, `Host lb1\n  Include ${path}\n`);
      expect((await config('lb1', {}, program)).port).toBe(2022);
      expect(readFileSync(called, 'utf8')).toContain('-G -F /dev/stdin -- lb1');
      expect(await config('lb2', {}, '/nowhere/ssh')).toEqual(NO_CONFIG);
    },
  );

  it('a mistake in a file is told as ssh tells it', async () => {
    writeFileSync(user, 'Host lb1\n  Port many\n');
    await expect(config('lb1')).rejects.toThrow(/line 2.*(?:Bad number|port)/i);
  });

  it('ssh is not run where nothing can apply', async () => {
    writeFileSync(
      system,
      'Host *\n  SendEnv LANG LC_*\n  HashKnownHosts yes\nMatch final all\n  Ciphers aes128-ctr\n',
    );
    writeFileSync(user, '# nothing\nHost other\n  User x\n');
    expect(await config('lb1', {}, '/nowhere/ssh')).toEqual({ ...NO_CONFIG, hashKnownHosts: true });
    // A program that is not there would have been noticed otherwise: the library takes over.
    expect(await config('other', {}, '/nowhere/ssh')).toMatchObject({ user: 'x' });
  });

  it('finds what ssh -G finds', { timeout: 60_000 }, async () => {
    const name = fc.constantFrom('lb1', 'lb2', 'web', '10.0.0.1');
    const pattern = fc.constantFrom('lb1', 'lb*', '*', '!lb2', '10.0.0.?', 'web');
    const directive = fc.constantFrom(
      'HostName 10.1.1.1',
      'User ops',
      'User root',
      'Port 2022',
      'ProxyJump b',
      'HostKeyAlias k',
    );
    const block = fc
      .tuple(fc.array(pattern, { minLength: 1, maxLength: 3 }), fc.array(directive, { maxLength: 3 }))
      .map(([patterns, lines]) => [`Host ${patterns.join(' ')}`, ...lines.map((it) => `  ${it}`)].join('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(block, { maxLength: 4 }), name, async (blocks, wanted) => {
        writeFileSync(user, `${blocks.join('\n')}\n`);
        const text = execFileSync('ssh', ['-G', '-F', user, wanted], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const theirs = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? null;
        const [ours, others] = await Promise.all([config(wanted), config(wanted, {}, null)]);
        expect(ours.hostname ?? wanted).toBe(theirs('hostname'));
        expect(String(ours.port ?? 22)).toBe(theirs('port'));
        expect(ours.proxyJump).toBe(theirs('proxyjump'));
        expect(ours.hostKeyAlias).toBe(theirs('hostkeyalias'));
        // The library agrees.
        expect({ ...others, user: null }).toEqual({ ...ours, user: null });
      }),
      { numRuns: 40 },
    );
  });
});
