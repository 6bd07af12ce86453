import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../../src/transport/failures.js';
import { up } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { SimulatedPair } from '../support/simulated-pair.js';

const CONFIG = '/etc/haproxy/haproxy.cfg';

/** A pair whose standby has lost its haproxy.cfg. */
async function differing(): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf());
  await up(pair);
  pair.asked.length = 0;
  pair.host('lb2').files.delete(CONFIG);
  return pair;
}

/** What lb2 was asked together with its lock, and right after that. */
function underLock(pair: SimulatedPair): { readonly locking: string[]; readonly next: string[] } {
  const own = pair.asked.filter(({ host }) => host === 'lb2').map(({ ids }) => ids);
  const at = own.findIndex((ids) => ids.includes('lock'));
  return { locking: own[at] ?? [], next: own[at + 1] ?? [] };
}

const LIGHT = ['lock', 'generations', 'file:/var/lib/lbctl/model.json'];

describe('what was seen just before a lock was taken', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('holds where nobody else had the lock since: nothing is asked twice', async () => {
    const pair = await differing();
    expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
    const { locking, next } = underLock(pair);
    expect(locking).toEqual(LIGHT);
    expect(next.slice(0, 2)).toEqual(['alone', 'fence']);
  });

  it('is looked at again where somebody was there in between', async () => {
    const pair = await differing();
    pair.mishap = (host, _, ids) => {
      if (ids.includes('lock') && host.host.name === 'lb2') host.lastOwner = 'somebody-else';
      return undefined;
    };
    expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
    const { locking, next } = underLock(pair);
    expect(locking).toEqual(LIGHT);
    expect(next).toEqual(expect.arrayContaining(['network', 'service:haproxy', 'files', 'generations']));
  });

  it('gives the lock back where the host cannot be looked at again', async () => {
    const pair = await differing();
    const scripts: string[] = [];
    let isLocked = false;
    pair.mishap = (host, script, ids) => {
      if (host.host.name !== 'lb2') return undefined;
      scripts.push(script);
      if (ids.includes('lock')) {
        isLocked = true;
        host.lastOwner = 'somebody-else';
      } else if (isLocked && ids.includes('network')) {
        return failure('unreachable', host.host, { code: 'channel-refused', summary: 'no more channels' });
      }
      return undefined;
    };
    const { result } = await up(pair);
    expect(result).toMatchObject({ exit: 4, error: 'no more channels; nothing was changed' });
    expect(scripts.at(-1)).toContain('rm -f "$lock"');
  });

  it.each([
    ['somebody had the lock then', 'lock-look', 'who=bob\nstep=no\nage=3\n'],
    ['a step of somebody was running then', 'lock-look', 'step=yes\n'],
    ['the lock could not be looked at', 'lock-look', { exitCode: 1 }],
    ['nobody knows who had it last', 'lock-last', { exitCode: 1 }],
    ['nobody has written down that he had it', 'lock-last', 'last=\n'],
  ])('is asked again with the lock where %s', async (_, id, said) => {
    const pair = await differing();
    pair.host('lb2').odd.set(id, said);
    await up(pair);
    expect(underLock(pair).locking).toEqual(expect.arrayContaining(['lock', 'network', 'files']));
  });

  it('is asked again with the lock where that was a while ago', async () => {
    const pair = await differing();
    const now = Date.now.bind(Date);
    let later = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + later);
    // As if the answer to the first look had taken its time.
    pair.mishap = (_, __, ids) => {
      if (ids.includes('lock-last')) later = 3_000;
      return undefined;
    };
    expect((await up(pair)).result).toMatchObject({ exit: 0, state: 'healthy' });
    expect(underLock(pair).locking).toEqual(expect.arrayContaining(['lock', 'network', 'files']));
  });
});
