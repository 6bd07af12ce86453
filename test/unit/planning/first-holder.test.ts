import { describe, expect, it } from 'vitest';
import { startsKeepalived } from '../../../src/engine/first-start.js';
import { clusterOf } from '../support/model.js';
import { builtPair } from '../support/observed.js';
import { outline, planOf } from '../support/planned.js';
import { SimulatedPair } from '../support/simulated-pair.js';

/** Each host's steps that start keepalived, or move it. */
function starts(pair: SimulatedPair, limit?: readonly string[]): string[] {
  return planOf(pair, limit).batches.flatMap(({ work }) =>
    work.flatMap(({ host, items }) =>
      items
        .flatMap(({ steps }) => steps)
        .filter(({ title }) => /(?:restart|start|reload) keepalived/.test(title))
        .map(({ title }) => `${host}: ${title}`),
    ),
  );
}

const AT_ONCE = 'start keepalived, which takes the addresses at once';

async function stopped(...hosts: string[]): Promise<SimulatedPair> {
  const pair = await builtPair();
  for (const host of hosts) {
    const service = pair.host(host).services.get('keepalived');
    if (service === undefined) throw new Error('no keepalived');
    service.active = 'inactive';
  }
  return pair;
}

describe('the first keepalived of a cluster', () => {
  it('takes the addresses at once, by a reload with its own priority; the next one starts as ever', () => {
    const pair = new SimulatedPair(clusterOf());
    expect(starts(pair)).toEqual([
      `lb1: ${AT_ONCE}`,
      'lb1: reload keepalived',
      'lb2: systemctl restart keepalived',
    ]);
    // The others wait for its adverts, so they may start beside it; all that is to be written is written before.
    expect(outline(planOf(pair)).slice(-2)).toEqual([
      ['lb1', 'lb2']
        .map(
          (host) =>
            `${host}: check_script, systemd_dropin:keepalived, keepalived_config, try the check of HAProxy`,
        )
        .join(' | '),
      'lb1: service:keepalived, reload keepalived | lb2: service:keepalived',
    ]);
    expect(planOf(pair).batches.map(startsKeepalived).slice(-3)).toEqual([false, false, true]);
    expect(planOf(pair).batches.at(-2)?.gates).toEqual([]);
  });

  it('also where it was stopped on all hosts', async () => {
    expect(starts(await stopped('lb1', 'lb2'))).toEqual([
      `lb1: ${AT_ONCE}`,
      'lb1: reload keepalived',
      'lb2: systemctl restart keepalived',
    ]);
  });

  it('starts as ever while it runs on another host, which may hold them', async () => {
    expect(starts(await stopped('lb1'))).toEqual(['lb1: systemctl restart keepalived']);
  });

  it('takes them as the only one that --limit leaves, once the other was seen to be stopped', async () => {
    const pair = await stopped('lb1', 'lb2');
    expect(starts(pair, ['lb2'])).toEqual([`lb2: ${AT_ONCE}`, 'lb2: reload keepalived']);
  });
});
