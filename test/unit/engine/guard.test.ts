import { describe, expect, it } from 'vitest';
import { failure } from '../../../src/transport/failures.js';
import { up } from '../support/converge.js';
import { builtPair } from '../support/observed.js';
import type { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

const CFG = '/etc/haproxy/haproxy.cfg';

/** A pair of which a file differs on these hosts; lb1 holds the address. */
async function edited(...hosts: string[]): Promise<SimulatedPair> {
  const pair = await builtPair();
  for (const name of hosts) {
    const file = pair.host(name).files.get(CFG);
    if (file !== undefined) file.content += '# by hand\n';
  }
  pair.asked.length = 0;
  return pair;
}

describe('the active host, while its peer is unfit', () => {
  it('is not touched: exit 1, with the host, the reason and the way out', async () => {
    const pair = await edited('lb1');
    pair.host('lb2').odd.set('keepalived-state', 'not-running\n');
    const { result, events } = await up(pair);
    expect(result.exit).toBe(1);
    expect(pair.steps).toEqual([]);
    const said = JSON.stringify(events);
    expect(said).toMatch(/lb1 serves and nobody could take over from it: lb2: keepalived does not run/);
    expect(said).toMatch(/nothing was changed/);
    expect(said).toMatch(/--force/);
  });

  it('is touched with --force, which says what it risks', async () => {
    const pair = await edited('lb1');
    pair.host('lb2').odd.set('keepalived-state', 'not-running\n');
    const { events } = await hurried(() => up(pair, { force: true }));
    expect(pair.steps).toContain('lb1');
    expect(JSON.stringify(events)).toMatch(/"severity":"warning","code":"peer-unfit".*an outage/);
  });

  it('is not touched when `--limit` leaves out the unfit peer, which would be mended otherwise', async () => {
    const pair = await edited('lb1');
    const haproxy = pair.host('lb2').services.get('haproxy');
    if (haproxy !== undefined) haproxy.active = 'failed';
    const { result } = await up(pair, { limit: new Set(['lb1']) });
    expect(result.exit).toBe(1);
    expect(pair.steps).toEqual([]);
  });

  it('is touched when `--limit` leaves out a host that is out of reach, with a warning', async () => {
    const pair = await edited('lb1');
    const { host } = pair.host('lb2');
    pair.refused.set('lb2', failure('unreachable', host, { code: 'refused', summary: 'refused' }));
    const { result, events } = await hurried(() => up(pair, { limit: new Set(['lb1']) }));
    // The dead peer is no reason to take the change back: it was dead before.
    expect(result.hosts.lb1).toMatchObject({ status: 'changed', changed: ['haproxy_config'] });
    expect(JSON.stringify(events)).not.toContain('"phase":"rollback"');
    expect(JSON.stringify(events)).toMatch(/lb1 is changed while nobody could take over from it/);
  });

  it('is touched after this very run has mended the peer: all plays of that come first', async () => {
    const pair = await edited('lb1', 'lb2');
    const keepalived = pair.host('lb2').services.get('keepalived');
    if (keepalived !== undefined) keepalived.active = 'inactive';
    const { result, tasks } = await up(pair);
    expect(result.exit).toBe(0);
    const done = tasks.filter((it) => it.endsWith(' done'));
    expect(done.indexOf('lb2 service:keepalived done')).toBeGreaterThan(-1);
    expect(done.indexOf('lb2 service:keepalived done')).toBeLessThan(done.indexOf('lb1 haproxy_config done'));
  });

  it('is not touched when the peer was changed and is unfit after that', async () => {
    const pair = await edited('lb1', 'lb2');
    pair.mishap = (host, _, ids) => {
      // lb2 takes its change well, and its keepalived dies of it.
      if (host.host.name === 'lb2' && ids.includes('step 0 0'))
        host.odd.set('keepalived-state', 'not-running\n');
      return undefined;
    };
    const { result, events } = await hurried(() => up(pair));
    expect(result.exit).toBe(1);
    expect(pair.steps).not.toContain('lb1');
    expect(JSON.stringify(events)).toMatch(/what was done on other hosts stays; lb1 was not touched/);
  });

  describe('also where hosts change keepalived together later in the same run', () => {
    async function flipping(state: string): Promise<{ pair: SimulatedPair; exit: number; said: string }> {
      const pair = await edited('lb1', 'lb2');
      for (const host of pair.hosts.values()) {
        const file = host.files.get('/etc/keepalived/keepalived.conf');
        if (file !== undefined)
          file.content = file.content.replace('virtual_router_id 51', 'virtual_router_id 7');
      }
      pair.host('lb2').odd.set('keepalived-state', state);
      const { result, events } = await hurried(() => up(pair));
      return { pair, exit: result.exit, said: JSON.stringify(events) };
    }
    const fault = `json\n${JSON.stringify([
      { data: { iname: 'VI_1', state: 3, vrid: 51, base_priority: 240, effective_priority: 240 } },
    ])}\n`;

    it('its HAProxy is not touched while the standby is in FAULT', async () => {
      const { pair, exit, said } = await flipping(fault);
      expect(exit).toBe(1);
      expect(pair.steps).not.toContain('lb1');
      expect(said).toMatch(/nobody could take over from it: lb2: VI_1 is in state FAULT/);
    });

    it('but while its keepalived is stopped: an earlier run may have left it so, and this one ends that', async () => {
      const { pair } = await flipping('not-running\n');
      expect(pair.steps).toContain('lb1');
    });
  });
});
