import { describe, expect, it } from 'vitest';
import type { LockedHost } from '../../../src/engine/documents.js';
import { formatLocks, releaseQuestion, releaseRefusal, releaseRisk } from '../../../src/report/lock.js';

const lock = {
  who: 'ann@box (process 7)',
  command: 'lbctl up',
  since: '2024-05-01T10:00:00.000Z',
  renewed_seconds_ago: 12,
  expires_in_seconds: 48,
  step_running: false,
};
const host = (more: Partial<LockedHost> = {}): LockedHost => ({
  name: 'lb1',
  address: '10.0.0.1',
  reachable: true,
  state: 'locked',
  lock,
  problem: null,
  ...more,
});
const text = (...hosts: LockedHost[]) =>
  formatLocks({ clusters: [{ name: 'web', hosts }] }, { color: false });

describe('the locks of a cluster', () => {
  it('a row a host', () => {
    const expired = { ...lock, renewed_seconds_ago: 90, expires_in_seconds: 0 };
    expect(
      text(
        host(),
        host({ name: 'lb2', state: 'expired', lock: expired }),
        host({ name: 'lb3', lock: { ...expired, step_running: true } }),
        host({ name: 'lb4', released: true }),
      ),
    ).toBe(`web:
  HOST  ADDRESS   LOCK      OWNER                COMMAND   SINCE                     LAST SIGN OF LIFE  EXPIRES
  lb1   10.0.0.1  locked    ann@box (process 7)  lbctl up  2024-05-01T10:00:00.000Z  12 s ago           in 48 s
  lb2   10.0.0.1  expired   ann@box (process 7)  lbctl up  2024-05-01T10:00:00.000Z  1 min 30 s ago     now
  lb3   10.0.0.1  locked    ann@box (process 7)  lbctl up  2024-05-01T10:00:00.000Z  1 min 30 s ago     when its step ends
  lb4   10.0.0.1  released  ann@box (process 7)  lbctl up  2024-05-01T10:00:00.000Z  12 s ago           in 48 s`);
  });

  it('no more columns than there is to say; what is wrong below', () => {
    const problem = {
      code: 'connect-refused',
      message: 'lb2 refuses connections on port 22\nis sshd there?',
    };
    const lost = { reachable: false, state: 'unknown', lock: null, problem } as const;
    expect(text(host({ state: 'free', lock: null }), host({ name: 'lb2', ...lost }))).toBe(`web:
  HOST  ADDRESS   LOCK
  lb1   10.0.0.1  free
  lb2   10.0.0.1  unknown

  ! lb2: lb2 refuses connections on port 22 [connect-refused]
    is sshd there?`);
  });

  it('what an owner calls himself cannot move the cursor', () => {
    const nasty = { ...lock, who: '\x1b[2Jroot', command: 'lbctl\r\nup', since: '\u202e' };
    const said = [
      text(host({ lock: nasty })),
      releaseQuestion('web', [host({ lock: nasty })]),
      releaseRisk('web', [host({ lock: nasty })]),
      releaseRefusal('web', 'alive', [host({ lock: nasty })]),
    ].join('\n');
    expect(said).toContain('\\x1b[2Jroot');
    expect(said).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
  });
});

it('the question names each owner once, and the hosts', () => {
  expect(releaseQuestion('web', [host(), host({ name: 'lb2' })])).toBe(
    'web: release the lock of ann@box (process 7) (`lbctl up` since 2024-05-01T10:00:00.000Z, last sign of life 12 s ago) on lb1, lb2?',
  );
});
