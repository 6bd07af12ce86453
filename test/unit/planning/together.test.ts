import { describe, expect, it } from 'vitest';
import { armedServices } from '../../../src/engine/revert.js';
import { planCluster } from '../../../src/planning/plan.js';
import type { ClusterPlan } from '../../../src/planning/types.js';
import { FLIP_MARK, KEEPALIVED_CONF } from '../../../src/render/platform.js';
import { builtPair } from '../support/observed.js';
import { outline, planInput, planOf } from '../support/planned.js';
import type { SimulatedPair } from '../support/simulated-pair.js';

/** A pair whose keepalived.conf is not what the inventory says: `edit` is what it says instead. */
async function pairWith(edit: (text: string) => string, ...hosts: string[]): Promise<SimulatedPair> {
  const pair = await builtPair();
  for (const name of hosts) {
    const file = pair.host(name).files.get(KEEPALIVED_CONF);
    if (file === undefined) throw new Error('no file');
    pair.host(name).files.set(KEEPALIVED_CONF, { ...file, content: edit(file.content) });
  }
  return pair;
}

const otherId = (text: string) => text.replace(/virtual_router_id \d+/, 'virtual_router_id 99');

/** As a run leaves the standby that ended before the active host was changed. */
function waits(pair: SimulatedPair, name: string): void {
  const host = pair.host(name);
  host.files.set(FLIP_MARK, { content: '', mode: '644', owner: 'root', group: 'root', written: host.now });
  const service = host.services.get('keepalived');
  if (service === undefined) throw new Error('no keepalived');
  service.active = 'inactive';
}

/** Where a host would go back by itself, `host: services` for each batch. */
function armed(plan: ClusterPlan): string[] {
  return plan.batches.flatMap((batch) =>
    batch.work.map((work) => `${work.host}: ${armedServices(batch, work).join()}`),
  );
}

describe('a change that hosts make together', () => {
  it('is never under the switch, from the first stop to the last start', async () => {
    const plan = planOf(await pairWith(otherId, 'lb1', 'lb2'));
    expect(outline(plan)).toEqual([
      'lb2: keepalived_config, stop keepalived',
      'lb1: keepalived_config, take over at once, reload keepalived',
      'lb2: start keepalived',
    ]);
    expect(armed(plan)).toEqual(['lb2: ', 'lb1: ', 'lb2: ']);
  });

  it('any other is', async () => {
    const plan = planOf(await pairWith((text) => text.replace(/fall \d+/, 'fall 9'), 'lb1', 'lb2'));
    expect(armed(plan)).toEqual(['lb2: keepalived', 'lb1: keepalived']);
  });

  it('keeps keepalived of the standby from starting before the first file of it is changed', async () => {
    const [quiet, , again] = planOf(await pairWith(otherId, 'lb1', 'lb2')).batches;
    const steps = (quiet?.work[0]?.items ?? []).flatMap((it) => it.steps);
    expect(steps.map(({ title }) => title)).toEqual([
      'keep keepalived from starting by itself',
      `write ${KEEPALIVED_CONF}`,
      'systemctl stop keepalived',
    ]);
    expect(steps[0]?.script.text.reveal()).toBe(`: >${FLIP_MARK}`);
    expect(again?.work[0]?.items[0]?.steps[0]?.script.text.reveal()).toMatch(`rm -f ${FLIP_MARK}`);
  });
});

it('what stops in it goes by the drop-in that was written before', async () => {
  const pair = await pairWith(otherId, 'lb1', 'lb2');
  const { files, services } = pair.host('lb2');
  const path = '/etc/systemd/system/keepalived.service.d/lbctl.conf';
  const dropIn = files.get(path);
  const service = services.get('keepalived');
  if (dropIn === undefined || service === undefined) throw new Error('no keepalived');
  files.set(path, { ...dropIn, content: 'of an older one' });
  service.enabled = 'disabled';
  const titles = planOf(pair)
    .batches.flatMap(({ work }) => work.flatMap((it) => it.items.flatMap(({ steps }) => steps)))
    .map(({ title }) => title);
  const [reload, stop] = ['systemctl daemon-reload', 'systemctl stop keepalived'].map((it) =>
    titles.indexOf(it),
  );
  expect(reload).toBeGreaterThanOrEqual(0);
  expect(reload).toBeLessThan(stop ?? 0);
});

describe('one that was left half done', () => {
  it('before the active host was touched: the standby waits on', async () => {
    const pair = await pairWith(otherId, 'lb1');
    waits(pair, 'lb2');
    expect(outline(planOf(pair))).toEqual([
      'lb2: stop keepalived',
      'lb1: keepalived_config, take over at once, reload keepalived',
      'lb2: service:keepalived, start keepalived',
    ]);
  });

  it.each<[what: string, edit: (text: string) => string]>([
    ['with its file written and not read', (text) => text],
    ['with the file that takes the addresses over', (text) => text.replace(/priority \d+/, 'priority 255')],
  ])('in the middle of the active host, %s: that one first', async (_, edit) => {
    const pair = await pairWith(edit, 'lb1');
    const lb1 = pair.host('lb1');
    const file = lb1.files.get(KEEPALIVED_CONF);
    if (file !== undefined) file.written = lb1.now + 5;
    for (const host of pair.hosts.values()) host.now += 10;
    waits(pair, 'lb2');
    const plan = planOf(pair);
    expect(outline(plan).map((it) => it.replace(/: .*take over/, ': take over'))).toEqual([
      'lb2: stop keepalived',
      'lb1: take over at once, reload keepalived',
      'lb2: service:keepalived, start keepalived',
    ]);
    expect(armed(plan)).toEqual(['lb2: ', 'lb1: ', 'lb2: ']);
  });

  it('with the active host done: the standby starts, and never goes back alone to what this run had kept', async () => {
    const pair = await builtPair();
    waits(pair, 'lb2');
    const plan = planOf(pair);
    expect(outline(plan)).toEqual(['lb2: service:keepalived']);
    expect(armed(plan)).toEqual(['lb2: ']);
  });

  it('a standby that is stopped for another reason is mended first, as ever', async () => {
    const pair = await pairWith((text) => text.replace(/fall \d+/, 'fall 9'), 'lb1');
    waits(pair, 'lb2');
    pair.host('lb2').files.delete(FLIP_MARK);
    expect(outline(planCluster(planInput(pair)))).toEqual([
      'lb2: service:keepalived',
      'lb1: keepalived_config, reload keepalived',
    ]);
  });
});
