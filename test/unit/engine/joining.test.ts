import { describe, expect, it } from 'vitest';
import type { Transport } from '../../../src/transport/types.js';
import { up } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

/** What a packet filter says that drops the adverts of others. */
const DROPS = `filter
table inet cut {
  chain input {
    type filter hook input priority filter; policy accept;
    ip protocol 112 drop
  }
}
`;

/** Lets keepalived rehearse on hosts of which those in `deaf` hear nobody. */
function rehearsing(inner: Transport, deaf: readonly string[], seen: string[]): Transport {
  const ends = new Map<string, () => void>();
  return {
    async connect(host, signal) {
      const session = await inner.connect(host, signal);
      return {
        ...session,
        async run(script, options) {
          const text = script.text.reveal();
          if (text.includes('keepalived -nPlDG')) {
            seen.push(host.name);
            for (const [index, speaker] of ['lb1', 'lb2'].entries()) {
              const speaks = speaker === host.name || deaf.includes(host.name);
              options.onLine?.(`(lbctl_0_${index}) Entering ${speaks ? 'MASTER' : 'BACKUP'} STATE`);
            }
            await new Promise<void>((resolve) => ends.set(host.name, resolve));
          } else if (text.includes('/run/lbctl-adverts.')) ends.get(host.name)?.();
          return session.run(script, options);
        },
      };
    },
  };
}

/** lb1 holds the address; lb2 was rebuilt. */
async function rebuilt(): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf());
  expect((await up(pair)).result.exit).toBe(0);
  const lb2 = pair.host('lb2');
  lb2.services.clear();
  lb2.files.clear();
  pair.asked.length = 0;
  return pair;
}

const run = (pair: SimulatedPair, deaf: readonly string[], seen: string[] = []) =>
  hurried(() => up(pair, { transport: rehearsing(pair.transport, deaf, seen) }));

describe('a host that joins while its peer holds the address', () => {
  it('is refused before anything is changed where its packet filter drops adverts', async () => {
    const pair = await rebuilt();
    pair.host('lb2').odd.set('preflight', DROPS);
    const { result, events } = await run(pair, []);
    expect(result).toMatchObject({ exit: 1, error: 'refused; nothing was changed' });
    const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
    expect(told).toMatchObject([{ code: 'filter-drops-vrrp', host: 'lb2', severity: 'error' }]);
    expect(pair.steps).toEqual([]);
  });

  it('is refused before its keepalived starts where it does not hear the holder', async () => {
    const pair = await rebuilt();
    const seen: string[] = [];
    const { result } = await run(pair, ['lb2'], seen);
    expect(result).toMatchObject({
      exit: 1,
      error: expect.stringContaining('before keepalived was started'),
    });
    expect(result.hosts.lb2?.changed).not.toContain('service:keepalived');
    expect([...new Set(pair.steps)]).toEqual(['lb2']);
    expect(seen.sort()).toEqual(['lb1', 'lb2']);
    expect(pair.host('lb2').files.has('/etc/keepalived/keepalived.conf')).toBe(false);
  });

  it('joins where they hear each other: nobody is accused of holding what the peer holds', async () => {
    const pair = await rebuilt();
    const { result, events } = await run(pair, []);
    expect(result).toMatchObject({ exit: 0, state: 'healthy' });
    expect(events.filter((it) => it.event === 'diagnostic')).toEqual([]);
  });

  it('is tried as well where its keepalived was only stopped', async () => {
    const pair = await rebuilt();
    expect((await run(pair, [])).result.exit).toBe(0);
    const service = pair.host('lb2').services.get('keepalived');
    if (service !== undefined) service.active = 'inactive';
    const { result } = await run(pair, ['lb2']);
    expect(result).toMatchObject({
      exit: 1,
      error: expect.stringContaining('before keepalived was started'),
    });
    expect(service?.active).toBe('inactive');
  });

  it('waits for nobody where no keepalived is to be started', async () => {
    const pair = await rebuilt();
    expect((await run(pair, [])).result.exit).toBe(0);
    pair.host('lb2').files.delete('/etc/haproxy/haproxy.cfg');
    const seen: string[] = [];
    const { result, events } = await run(pair, ['lb2'], seen);
    expect(result.exit).toBe(0);
    expect(seen).toEqual([]);
    expect(events.some((it) => it.event === 'phase' && it.phase === 'preflight')).toBe(false);
  });
});

it('a holder that opens its firewall later in the run is not accused of hearing nobody yet', async () => {
  const pair = await rebuilt();
  pair.host('lb1').firewall = 'active';
  const { result, events } = await run(pair, ['lb1']);
  expect(result.exit).toBe(0);
  const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
  expect(told).toContainEqual(
    expect.objectContaining({ code: 'adverts-not-heard', host: 'lb1', severity: 'warning' }),
  );
});

describe('before a first start somebody answers for the address', () => {
  const answers = (pair: SimulatedPair, mac: string) => {
    const vip = pair.cluster.vrrpInstances[0]?.virtualIpaddress[0]?.address ?? '';
    pair.host('lb2').odd.set('preflight', `answered ${vip} ${mac}\nfilter\n`);
    return up(pair);
  };

  it('a stranger: refused', async () => {
    const { result, events } = await answers(new SimulatedPair(clusterOf()), '02:00:00:00:00:99');
    expect(result.exit).toBe(1);
    const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic.code] : []));
    expect(told).toContain('address-in-use');
  });

  it('a host of the cluster, which somebody else builds meanwhile: no stranger, and the lock says who', async () => {
    const pair = new SimulatedPair(clusterOf());
    const { result, events } = await answers(pair, pair.host('lb1').mac);
    const told = events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic.code] : []));
    expect(told).not.toContain('address-in-use');
    expect(result.exit).toBe(0);
  });
});
