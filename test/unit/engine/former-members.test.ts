import { describe, expect, it } from 'vitest';
import type { FormerMember } from '../../../src/engine/former-members.js';
import { bidder } from '../../../src/engine/outbid.js';
import { failure } from '../../../src/transport/failures.js';
import { up } from '../support/converge.js';
import { type Changes, clusterOf } from '../support/model.js';
import { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

const MEMBERS = '/var/lib/lbctl/members.json';
const VIP = '10.0.0.100';
const HOST: Changes[number] = ['lb2: 10.0.0.12', 'lb2: 10.0.0.12\n      lb3: 10.0.0.13'];

const PRIORITY = 'priority: {lb2: 240, lb3: 230';

/** lb2 and lb3 alone, with the priorities that they had. */
function rest(...changes: Changes) {
  return clusterOf(
    ['      lb1: 10.0.0.11\n', ''],
    HOST,
    ['VI_1:', `VI_1:\n        ${PRIORITY}}`],
    ...changes,
  );
}

/** Something in keepalived.conf that every host may change by itself. */
const SLOWER: Changes[number] = ['    haproxy:', '    check: { fall: 3 }\n    haproxy:'];

const remembered = (pair: SimulatedPair, host: string) =>
  (JSON.parse(pair.host(host).files.get(MEMBERS)?.content ?? '[]') as { name: string }[]).map(
    (it) => it.name,
  );
const saidOf = ({ events }: Awaited<ReturnType<typeof up>>) =>
  events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));

async function three(...changes: Changes): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf(HOST, ...changes));
  const { result } = await up(pair);
  expect(result).toMatchObject({ exit: 0, state: 'healthy' });
  return pair;
}

describe('the host that holds the addresses is taken out of the inventory', () => {
  it('the rest is converged beside it, asked for nothing that a stranger is asked for', async () => {
    const pair = await three();
    pair.asked.length = 0;
    const run = await hurried(() => up(pair, { cluster: rest(SLOWER) }));
    expect(run.result.hosts).toMatchObject({
      lb2: { status: 'changed', changed: expect.arrayContaining(['members', 'keepalived_config']) },
      lb3: { status: 'changed', changed: expect.arrayContaining(['members', 'keepalived_config']) },
    });
    expect(saidOf(run).find(({ code }) => code === 'former-member')).toMatchObject({
      severity: 'warning',
      summary: `lb1 (10.0.0.11) is no longer in the inventory: there haproxy is active, keepalived is active, and it holds ${VIP}`,
      hint: expect.stringContaining('`systemctl disable --now keepalived haproxy` on lb1'),
    });
    expect(pair.asked.flatMap(({ ids }) => ids.filter((id) => id.startsWith('preflight')))).toEqual([]);
    expect(
      pair.asked.filter(({ host, ids }) => host === 'lb1' && ids.some((id) => /step|lock/.test(id))),
    ).toEqual([]);
  });

  it('is remembered, and said by every run, until it was seen stopped', async () => {
    const pair = await three();
    await hurried(() => up(pair, { cluster: rest() }));
    expect(remembered(pair, 'lb2')).toEqual(['lb2', 'lb3', 'lb1']);
    expect(saidOf(await hurried(() => up(pair, { cluster: rest() }))).map(({ code }) => code)).toContain(
      'former-member',
    );
    for (const service of pair.host('lb1').services.values()) service.active = 'inactive';
    const enabled = await hurried(() => up(pair, { cluster: rest() }));
    expect(saidOf(enabled).find(({ code }) => code === 'former-member')?.summary).toContain(
      'keepalived is inactive, but starts with the next boot',
    );
    for (const service of pair.host('lb1').services.values()) service.enabled = 'disabled';
    const stopped = await up(pair, { cluster: rest() });
    expect(saidOf(stopped)).toEqual([]);
    expect(stopped.result.exit).toBe(0);
    expect(remembered(pair, 'lb2')).toEqual(['lb2', 'lb3']);
  });

  it('is no other machine where a host has its address: one that was given a new one', async () => {
    const pair = await three();
    pair.host('lb1').extra.push('10.0.0.14');
    const cluster = clusterOf(
      HOST,
      ['lb1: 10.0.0.11', 'lb1: 10.0.0.14'],
      ['VI_1:', 'VI_1:\n        unicast: true'],
    );
    const run = await up(pair, { cluster });
    expect(saidOf(run).filter(({ code }) => code.startsWith('former-member'))).toEqual([]);
    expect(run.result.hosts.lb1?.changed).toContain('keepalived_config');
  });

  it('is said once where it cannot be reached', async () => {
    const pair = await three();
    pair.refused.set(
      'lb1',
      failure('unreachable', pair.host('lb1').host, { code: 'x', summary: 'no route' }),
    );
    const first = await up(pair, { cluster: rest() });
    expect(saidOf(first).find(({ code }) => code === 'former-member')?.summary).toContain(
      'could not be learnt',
    );
    expect(remembered(pair, 'lb3')).toEqual(['lb2', 'lb3']);
    expect(saidOf(await up(pair, { cluster: rest() }))).toEqual([]);
  });
});

describe('a host that was taken out and would not hear the others any more', () => {
  const unicast: Changes[number] = ['VI_1:', 'VI_1:\n        unicast: true'];
  const another: Changes[number] = ['VI_1:', 'VI_1:\n        virtual_router_id: 77'];

  it.each([
    ['with unicast', [unicast], [unicast], 'with `unicast` it would be told nothing any more'],
    ['where all must change together', [], [another], 'has to reach every host that speaks'],
  ])('%s: nothing is changed before it is stopped', async (_, before, after, why) => {
    const pair = await three(...before);
    const refused = await up(pair, { cluster: rest(...after) });
    expect(refused.result).toMatchObject({ exit: 1, hosts: { lb2: { changed: [] }, lb3: { changed: [] } } });
    expect(saidOf(refused).find(({ code }) => code === 'former-member-speaks')).toMatchObject({
      severity: 'error',
      summary: expect.stringContaining(why),
    });
    for (const service of pair.host('lb1').services.values())
      Object.assign(service, { active: 'inactive', enabled: 'disabled' });
    expect((await up(pair, { cluster: rest(...after) })).result.exit).toBe(0);
  });
});

describe('who outbids it', () => {
  const former = (priority: number, holds: string[] = [VIP]): FormerMember[] => [
    {
      name: 'lb1',
      address: '10.0.0.11',
      gone: false,
      speaks: true,
      addresses: ['10.0.0.11'],
      holds: new Set(holds),
      priorities: new Map([[51, priority]]),
      said: null,
    },
  ];

  it.each([
    ['the preferred host, of equal priority', [], former(240), 'lb2'],
    ['nobody where it holds nothing', [], former(240, []), null],
    ['nobody who would lose them again', [], former(241), null],
    ['nobody without preemption', [['VI_1:', 'VI_1:\n        preempt: false']], former(230), null],
    ['nobody who cannot bid more', [['lb2: 240', 'lb2: 254']], former(254), null],
  ] as [string, Changes, FormerMember[], string | null][])('%s', (_, changes, rivals, host) => {
    expect(bidder(rest(...changes), rivals)).toBe(host);
  });
});
