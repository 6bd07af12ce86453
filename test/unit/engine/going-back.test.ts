import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/engine/events.js';
import { rollbackCluster } from '../../../src/engine/rollback.js';
import { failure } from '../../../src/transport/failures.js';
import { type Run, up } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

const CFG = '/etc/haproxy/haproxy.cfg';
const KEEPALIVED = '/etc/keepalived/keepalived.conf';

/** A pair that serves, whose HAProxy configuration has drifted on both hosts; lb1 holds the address. */
async function drifted(): Promise<SimulatedPair> {
  const pair = new SimulatedPair(clusterOf());
  expect((await up(pair)).result.exit).toBe(0);
  for (const host of pair.hosts.values()) {
    const file = host.files.get(CFG);
    if (file !== undefined) file.content += '# by hand\n';
  }
  pair.asked.length = 0;
  return pair;
}

const byHand = (pair: SimulatedPair) =>
  [...pair.hosts.values()].map((host) => host.files.get(CFG)?.content.includes('# by hand'));
const diagnostics = ({ events }: Run) =>
  events.flatMap((it) => (it.event === 'diagnostic' ? [it.diagnostic] : []));
const lost = (pair: SimulatedPair, name: string) =>
  failure('cut', pair.host(name).host, { code: 'connection-lost', summary: 'the connection was cut' });

/** The connection to lb2 ends once, in its first change, before this section has run. */
function cutOnceBefore(pair: SimulatedPair, section: string): void {
  let done = false;
  pair.mishap = (host, script, ids) => {
    if (done || host !== pair.host('lb2') || !ids.includes('step 0 0')) return undefined;
    done = true;
    pair.cutAt(host, script, section);
    return lost(pair, 'lb2');
  };
}

describe('a connection that was lost in the first change on a host', () => {
  it.each(['fence', 'keep', 'arm', 'step 0 0', 'step 1 0'])(
    'before "%s": what was there is kept all the same, and the run can be taken back',
    async (section) => {
      const pair = await drifted();
      cutOnceBefore(pair, section);
      // What fails later makes everything go back.
      pair.host('lb1').odd.set('step 0 0', { exitCode: 1, stderr: 'no such luck' });
      const run = await up(pair);
      expect(pair.host('lb2').generations.kept.has(1)).toBe(true);
      expect(run.result).toMatchObject({
        exit: 1,
        error: expect.stringMatching(/^a step failed.*; rolled back: lb1 and lb2 as before the run$/),
        hosts: { lb2: { changed: [], rolled_back: true } },
      });
      expect(byHand(pair)).toEqual([true, true]);
    },
  );
});

describe('a host that is out of reach when the others go back', () => {
  /** lb1's change fails; from then on nobody reaches lb2, which has been changed. */
  async function failsWhileAway(pair: SimulatedPair, failing: string): Promise<Run> {
    let away = false;
    pair.mishap = (host, script, ids) => {
      if (host === pair.host('lb2')) return away ? lost(pair, 'lb2') : undefined;
      if (away || !ids.includes(failing)) return undefined;
      away = true;
      host.odd.set(failing, { exitCode: 1, stderr: 'no such luck' });
      const said = pair.cutAt(host, script, 'none');
      host.odd.delete(failing);
      return said;
    };
    return hurried(() => up(pair));
  }

  it('does not keep them from it, and is named', async () => {
    const pair = await drifted();
    const run = await failsWhileAway(pair, 'step 1 0');
    expect(run.result).toMatchObject({
      exit: 1,
      error: expect.stringMatching(
        /^a step failed.*; rolled back: lb1 as before the run, but not lb2: `lbctl status` shows the pair/,
      ),
      hosts: { lb1: { changed: [], rolled_back: true }, lb2: { changed: ['haproxy_config'] } },
    });
    expect(run.result.hosts.lb2?.rolled_back).not.toBe(true);
    expect(byHand(pair)).toEqual([true, false]);
    expect(diagnostics(run)).toContainEqual(
      expect.objectContaining({
        code: 'not-rolled-back',
        host: 'lb2',
        summary: expect.stringContaining('out of reach'),
        detail: 'the connection was cut',
      }),
    );
  });

  it('where hosts have to change together nobody goes back alone', async () => {
    const pair = await drifted();
    for (const host of pair.hosts.values()) {
      const file = host.files.get(KEEPALIVED);
      if (file !== undefined)
        file.content = file.content.replace(/virtual_router_id \d+/, 'virtual_router_id 77');
    }
    const written = () =>
      [...pair.hosts.values()].map((host) => host.files.get(KEEPALIVED)?.content.includes('_id 77'));
    const run = await failsWhileAway(pair, 'gate keepalived-settled');
    expect(run.result).toMatchObject({
      exit: 1,
      error: expect.stringMatching(/the rollback of lb1 and lb2 failed as well/),
    });
    expect(written()).toEqual([false, false]);
    expect(diagnostics(run).map((it) => it.summary)).toContainEqual(
      expect.stringMatching(/^not put back: lb1. Hosts have to make this change together, and lb2 cannot$/),
    );
  });
});

describe('`rollback` on a pair with a dead server', () => {
  it('is not taken back for that: the server was dead before', async () => {
    const pair = await drifted();
    expect((await up(pair)).result.exit).toBe(0);
    expect(byHand(pair)).toEqual([false, false]);
    for (const host of pair.hosts.values()) host.odd.set('haproxy-stats:8405', STATISTICS);
    const events: RunEvent[] = [];
    const result = await hurried(() =>
      rollbackCluster({
        cluster: pair.cluster,
        transport: pair.transport,
        emit: (event) => events.push(event),
        limit: null,
        force: false,
        signal: new AbortController().signal,
        stepLimit: null,
        lockWait: 0,
        revertAfter: null,
        onFailure: 'roll-back',
        who: 'op@desk',
        command: 'lbctl rollback',
        showDiff: false,
        to: null,
      }),
    );
    expect(result).toMatchObject({
      exit: 5,
      state: 'degraded',
      error: expect.stringContaining('nothing was rolled back: before the run the pair was as unhealthy'),
      hosts: { lb1: { changed: ['haproxy_config'] }, lb2: { changed: ['haproxy_config'] } },
    });
    expect(byHand(pair)).toEqual([true, true]);
  });
});

const STATISTICS = `HTTP/1.1 200 OK\r\n\r\n# pxname,svname,status,addr
main,FRONTEND,OPEN,\napp,web1,UP,10.0.0.21:80\napp,web2,DOWN,10.0.0.22:80

rc=0
`;
