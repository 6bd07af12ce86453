import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo, startClientLoop } from '../lab/lab.js';
import { bare, EL, failover, first, heldOn, holding, run, settled, up, write } from './support/cluster.js';
import { status } from './support/pair.js';
import { until } from './support/until.js';

/** Seconds. */
const DELAY = 4;

describe('who holds the address when the better host returns', () => {
  let address: string;

  beforeAll(async () => {
    await bare();
    address = (await labInfo()).vips[0] ?? '';
  });

  describe('preempt: false', () => {
    let path: string;

    beforeAll(async () => {
      path = await write(EL, (web) => {
        first(web).preempt = false;
      });
      await up(path);
    });

    it('is BACKUP on all hosts, with a check that has no weight', async () => {
      for (const host of ['el1', 'el2'] as const) {
        const conf = await run(host, 'cat /etc/keepalived/keepalived.conf');
        expect(conf).toMatch(/^ +state BACKUP$/m);
        expect(conf).toMatch(/^ +nopreempt$/m);
        expect(conf).not.toMatch(/state MASTER|weight -?[2-9]/);
      }
      await heldOn(address, 'lb1', EL);
    });

    it('after a failover the address stays, the pair is healthy and there is nothing to do', async () => {
      await failover({ address, members: EL, from: 'lb1', to: 'lb2', back: 'lb2', gapMs: 500 });
      // Until keepalived of the better host has settled it could still take the address.
      const found = await until('lb1 as BACKUP', async () => {
        const seen = await status(path);
        return seen.hosts[0]?.instances.VI_1?.state === 'BACKUP' ? seen : undefined;
      });
      expect(found).toMatchObject({
        exit: 0,
        state: 'healthy',
        problems: [],
        virtual_ips: [{ holders: ['lb2'], expected: 'lb2' }],
      });
      await settled(path);
      expect(await holding(address, EL)).toEqual(['lb2']);
    });

    it('the other way round as well', async () => {
      await failover({ address, members: EL, from: 'lb2', to: 'lb1', back: 'lb1', gapMs: 500 });
    });
  });

  it('preempt_delay: the better host waits that long, and nothing is wrong meanwhile', async () => {
    const path = await write(EL, (web) => {
      first(web).preempt_delay = DELAY;
    });
    await up(path);
    await settled(path);
    await heldOn(address, 'lb1', EL);
    const loop = await startClientLoop(`http://${address}/`);
    await run('el1', 'systemctl stop keepalived');
    await heldOn(address, 'lb2', EL);
    await run('el1', 'systemctl start keepalived');
    const back = performance.now();
    const waiting = await until('lb1 as BACKUP', async () => {
      const found = await status(path);
      return found.hosts[0]?.instances.VI_1?.state === 'BACKUP' ? found : undefined;
    });
    expect(waiting.virtual_ips).toMatchObject([{ holders: ['lb2'] }]);
    expect(waiting).toMatchObject({ exit: 0, state: 'healthy' });
    await settled(path);
    await heldOn(address, 'lb1', EL);
    expect(performance.now() - back).toBeGreaterThan(DELAY * 1000);
    const report = await loop.stop();
    expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(500);
  });
});
