import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseJumps } from '../../../src/transport/jump-hosts.js';
import { expandPath, expandPercent } from '../../../src/transport/percent.js';
import { resolveTarget } from '../../../src/transport/route.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { configHome } from './config-home.js';
import { hostWith } from './hosts.js';

const { home, user, lookup } = configHome();

describe('percent signs and names of files', () => {
  const tokens = {
    name: 'lb1',
    hostname: '10.0.0.1',
    port: 2022,
    user: 'ops',
    localUser: 'me',
    homeDir: '/home/me',
    keyAlias: null,
    proxyJump: '',
  };
  it.each([
    ['nc %h %p', 'nc 10.0.0.1 2022'],
    ['%n %r %u %d %k %%', 'lb1 ops me /home/me lb1 %'],
    ['%z 100%', '%z 100%'],
  ])('%s', (text, expected) => expect(expandPercent(text, tokens)).toBe(expected));
  it.each([
    ['~/.ssh/%r', '/home/me/.ssh/ops'],
    ['${KEYS}/%n', '/keys/lb1'],
    ['/a/~b', '/a/~b'],
  ])('%s', (text, expected) => expect(expandPath(text, tokens, { KEYS: '/keys' })).toBe(expected));
});

describe('jump hosts', () => {
  it.each([
    ['bastion', [{ hostname: 'bastion', user: null, port: null }]],
    [
      'ops@b:2222,c',
      [
        { hostname: 'b', user: 'ops', port: 2222 },
        { hostname: 'c', user: null, port: null },
      ],
    ],
    ['[2001:db8::1]:22', [{ hostname: '2001:db8::1', user: null, port: 22 }]],
    ['ssh://ops@b:22', [{ hostname: 'b', user: 'ops', port: 22 }]],
    ['none', []],
  ])('%s', (text, jumps) => expect(parseJumps(text)).toEqual(jumps));
  it.each(['', 'a,,b', '-oProxyCommand=x', 'a b', 'b:99999', 'x@'])('%j is none', (text) =>
    expect(parseJumps(text)).toBeNull(),
  );

  const resolve = async (ssh: Parameters<typeof hostWith>[0], events: TransportEvent[] = []) =>
    resolveTarget(
      { localUser: 'me', homeDir: home, env: {}, config: lookup(), trace: (event) => events.push(event) },
      hostWith(ssh),
    );

  it('a chain, the first host reached as its own configuration says', async () => {
    writeFileSync(user, 'Host b\n  ProxyJump a\n  User bob\nHost c\n  ProxyJump never\n');
    const { route } = await resolve({ proxyJump: 'b,c:2222' });
    expect(route).toMatchObject({
      kind: 'jump',
      via: {
        hostname: 'c',
        port: 2222,
        user: 'me',
        name: 'the jump host c',
        route: {
          kind: 'jump',
          via: { hostname: 'b', user: 'bob', route: { kind: 'jump', via: { hostname: 'a' } } },
        },
      },
    });
  });

  it("the inventory's wins, also with none", async () => {
    writeFileSync(user, 'Host 127.*\n  ProxyJump bastion\n');
    expect((await resolve({})).route).toMatchObject({
      via: { hostname: 'bastion', route: { kind: 'direct' } },
    });
    expect((await resolve({ proxyJump: 'none' })).route).toEqual({ kind: 'direct' });
    expect((await resolve({ proxyJump: 'other' })).route).toMatchObject({ via: { hostname: 'other' } });
  });

  it('a ProxyJump for all hosts, the jump host among them, is refused as ssh refuses it', async () => {
    writeFileSync(user, 'Host *\n  ProxyJump bastion\n');
    await expect(resolve({})).rejects.toMatchObject({
      diagnostic: { code: 'ssh-config', summary: expect.stringContaining('loop') },
    });
  });

  it('that lead back to themselves', async () => {
    writeFileSync(user, 'Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n');
    await expect(resolve({ hostname: 'a' })).rejects.toMatchObject({
      diagnostic: { code: 'bad-proxy-jump' },
    });
  });

  it('ProxyCommand, and what the trace says', async () => {
    writeFileSync(user, 'Host 127.0.0.1\n  ProxyCommand nc %h %p\n  User ops\n  Port 23\n');
    const events: TransportEvent[] = [];
    const target = await resolve({ port: 99 }, events);
    expect(target.route).toEqual({ kind: 'command', command: 'nc 127.0.0.1 99' });
    expect(target.user).toBe('root');
    expect(events).toEqual([
      {
        type: 'settings',
        host: 'web/lb1',
        name: '127.0.0.1',
        settings: [
          { keyword: 'User', value: 'root', place: 'inventory.yaml' },
          { keyword: 'Port', value: '99', place: 'inventory.yaml' },
          { keyword: 'ProxyCommand', value: 'nc %h %p', place: `${user}:2` },
        ],
      },
    ]);
  });
});
