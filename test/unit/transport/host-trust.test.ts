import { describe, expect, it } from 'vitest';
import { HostTrust } from '../../../src/transport/host-trust.js';
import { string } from '../../../src/transport/key-blob.js';
import { NO_CONFIG } from '../../../src/transport/ssh-config.js';
import { type Target, targetOf } from '../../../src/transport/target.js';
import { hostWith } from './hosts.js';

const KEY = Buffer.concat([string('ssh-ed25519'), string(Buffer.alloc(32, 7))]);
const jump = (hostname: string, route: Target['route']): Target['route'] => ({
  kind: 'jump',
  via: { ...targetOf(hostWith({ hostname, user: 'ops', port: 2200 }), 'me'), route },
});
const hintOf = (hostKeyAlias: string | null, route: Target['route']) => {
  const host = hostWith({ hostname: '10.0.0.1' });
  const target = { ...targetOf(host, 'me', { config: { ...NO_CONFIG, hostKeyAlias } }), route };
  const trust = new HostTrust(target, [], '/kh').decide(KEY);
  return trust.accept ? '' : (trust.error.diagnostic.hint ?? '');
};

describe('the command that adds a host key', () => {
  const direct = { kind: 'direct' } as const;
  it.each([
    ['directly', null, direct, '`ssh-keyscan -p 22 10.0.0.1 >> /kh`'],
    ['by its alias', 'pair', direct, '`ssh -o UserKnownHostsFile=/kh -o HostKeyAlias=pair root@10.0.0.1`'],
    [
      'through every hop, IPv6 in brackets',
      null,
      jump('fd00::2', jump('b1', direct)),
      "`ssh -o UserKnownHostsFile=/kh -J 'ops@b1:2200,ops@[fd00::2]:2200' root@10.0.0.1`",
    ],
  ] as const)('%s', (_, alias, route, command) => expect(hintOf(alias, route)).toContain(command));
});
