import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo } from '../lab/lab.js';
import { bare, EL, get, heldOn, run, settled, up, write } from './support/cluster.js';
import { lbctl } from './support/lbctl.js';
import { codes, healthy, status } from './support/pair.js';
import { until } from './support/until.js';

const both = (command: string) => Promise.all([run('el1', command), run('el2', command)]);

describe('HAProxy is dead on every host', () => {
  let address: string;

  beforeAll(async () => {
    await bare();
    address = (await labInfo()).vips[0] ?? '';
  });

  it('without a weight nobody holds the address, and status says so', async () => {
    const path = await write(EL);
    await up(path);
    await both('systemctl stop haproxy');
    await heldOn(address, null, EL);
    const seen = await status(path);
    expect(seen).toMatchObject({ exit: 5, state: 'down', virtual_ips: [{ holders: [], expected: null }] });
    expect(codes(seen)).toEqual(
      expect.arrayContaining([
        'lb1 haproxy_not_running',
        'lb1 vrrp_fault',
        'lb2 haproxy_not_running',
        'lb2 vrrp_fault',
        'no_holder',
      ]),
    );
    expect((await lbctl('status', path)).stdout).toContain(`no host holds ${address}: it is not served`);

    await run('el2', 'systemctl start haproxy');
    await heldOn(address, 'lb2', EL);
    expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
    await up(path);
    await heldOn(address, 'lb1', EL);
  });

  it('with a negative weight one host keeps the address, so that it is back with the first HAProxy', async () => {
    const path = await write(EL, (web) => {
      web.check = { weight: -20 };
    });
    await up(path);
    await settled(path);

    await run('el1', 'systemctl stop haproxy');
    await heldOn(address, 'lb2', EL);
    const lowered = await until('the lowered priority', async () => {
      const seen = await status(path);
      return seen.hosts[0]?.instances.VI_1?.effective_priority === 230 ? seen : undefined;
    });
    expect(lowered).toMatchObject({ exit: 5, state: 'degraded' });
    expect(codes(lowered)).toContain('lb1 priority_lowered');

    await run('el2', 'systemctl stop haproxy');
    await until('both priorities lowered', async () => {
      const seen = await status(path);
      const priorities = seen.hosts.map(({ instances }) => instances.VI_1?.effective_priority);
      return priorities.join() === '230,220' ? true : undefined;
    });
    // And stay so: neither the check's next runs nor its falls count beside the mark.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const later = (await status(path)).hosts.map(({ instances }) => instances.VI_1?.effective_priority);
    expect(later).toEqual([230, 220]);
    await heldOn(address, 'lb1', EL);
    expect(await status(path)).toMatchObject({
      exit: 5,
      state: 'down',
      virtual_ips: [{ holders: ['lb1'] }],
    });

    await both('systemctl start haproxy');
    expect((await healthy(path)).virtual_ips).toMatchObject([{ holders: ['lb1'] }]);
    expect(await get(`http://${address}/`)).toMatch(/^This is Web/);
  });
});
