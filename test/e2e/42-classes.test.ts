import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientLoopReport, labInfo, startClientLoop } from '../lab/lab.js';
import { holders, vip } from './support/hosts.js';
import { eventsOf, lbctl, type PlanJson } from './support/lbctl.js';
import { heldBy, inventory, startReady, vi1 } from './support/pair.js';

/** Each class of edits of a running pair, under a client that opens a new connection every 10 ms. */
describe('what clients notice of an edit', () => {
  let ready: string;
  let address: string;
  const measured: string[] = [];

  beforeAll(async () => {
    ready = await startReady();
    address = await vip();
    await heldBy('lb1');
  });

  afterAll(() => {
    // The figures of the documentation come from here.
    process.stdout.write(`${measured.join('\n')}\n`);
  });

  /** `up` under the client's eyes, and the classes of what it was about to do. */
  async function edit(
    what: string,
    path: string,
  ): Promise<{ classes: string[]; interruptions: string[]; report: ClientLoopReport }> {
    const loop = await startClientLoop(`http://${address}/`);
    const up = await lbctl('up', path, '--json');
    const report = await loop.stop();
    expect(up.exit, up.said).toBe(0);
    const plans = eventsOf(up).filter((it) => it.event === 'plan');
    const changes = (plans.at(-1)?.changes ?? []) as PlanJson['clusters'][number]['changes'];
    // Files that only systemd reads go along with some of them.
    const noticed = changes.filter((it) => it.class !== 'none');
    const of = (key: 'class' | 'interruption') => [...new Set(noticed.map((it) => it[key]))].sort();
    const { failed, requests, longestGapMs, slowestMs } = report;
    measured.push(
      `${what}: ${failed} of ${requests} failed, gap ${Math.round(longestGapMs)} ms, slowest ${Math.round(slowestMs)} ms`,
    );
    return { classes: of('class'), interruptions: of('interruption'), report };
  }

  it('a rerun: nothing', async () => {
    const { classes, report } = await edit('rerun', ready);
    expect(classes).toEqual([]);
    expect(report.failed).toBe(0);
  });

  it('HAProxy: a reload, no failed request', async () => {
    const { hosts } = await labInfo();
    const path = await inventory('haproxy.yaml', ({ clusters: { web } }) => {
      web.haproxy.backends.app.servers.web3 = `${hosts.web2.address}:8080`;
      web.haproxy.frontends.main.bind = [80, 8081];
    });
    const there = await edit('haproxy', path);
    expect(there.classes).toEqual(['reload']);
    expect(there.interruptions).toEqual(['no failed requests']);
    expect(there.report.failed).toBe(0);
  });

  it('which plan says in words as well', async () => {
    const path = await inventory('words.yaml', (file) => {
      vi1(file).virtual_router_id = 52;
    });
    const plan = await lbctl('plan', path, '-q');
    expect(plan.stdout).toMatch(
      /what clients may notice\n[\s\S]* {4}together +lb1, lb2 +at most 10 failed requests/,
    );
  });

  it("keepalived's check and priorities: a reload, no failed request", async () => {
    const path = await inventory('check.yaml', (file) => {
      Object.assign(file.clusters.web, { check: { fall: 3 } });
      vi1(file).priority = { lb1: 200, lb2: 150 };
    });
    const { classes, report } = await edit('check and priorities', path);
    expect(classes).toEqual(['reload']);
    expect(report.failed).toBe(0);
  });

  it('an address more: no failed request to the one that is there', async () => {
    const second = await vip(1);
    const path = await inventory('two.yaml', (file) => vi1(file).virtual_ipaddress.push(`${second}/24`));
    const { classes, report } = await edit('vip added', path);
    expect(classes).toEqual(['reload', 'vip_added']);
    expect(report.failed).toBe(0);
    expect(await holders(second)).toEqual(['lb1']);
  });

  it('another address instead of it: no failed request to the one that stays', async () => {
    const [second, third] = [await vip(1), await vip(2)];
    const path = await inventory('other.yaml', (file) => vi1(file).virtual_ipaddress.push(`${third}/24`));
    const { classes, report } = await edit('vip replaced', path);
    expect(classes).toEqual(['reload', 'vip_replaced']);
    expect(report.failed).toBe(0);
    expect([await holders(second), await holders(third)]).toEqual([[], ['lb1']]);
  });

  it('an address less: no failed request to the one that stays', async () => {
    const { classes, report } = await edit('vip removed', ready);
    expect(classes).toEqual(['reload', 'vip_removed']);
    expect(report.failed).toBe(0);
    expect(await holders(await vip(2))).toEqual([]);
  });

  it('router id and unicast: both hosts together, the instance starts anew', async () => {
    const path = await inventory('anew.yaml', (file) => {
      Object.assign(vi1(file), { virtual_router_id: 52, unicast: true });
    });
    const { classes, interruptions, report } = await edit('router id, unicast', path);
    expect(classes).toEqual(['together']);
    expect(interruptions[0]).toMatch(/^at most 10 failed requests/);
    expect(report.failed, JSON.stringify(report)).toBeLessThanOrEqual(10);
    expect(report.longestGapMs).toBeLessThan(1500);
    const back = await edit('back', ready);
    expect(back.report.failed, JSON.stringify(back.report)).toBeLessThanOrEqual(10);
  });

  it('another password, then version 3, which has none: both hosts together, no failed request', async () => {
    const password = await inventory('password.yaml', (file) => {
      vi1(file).auth_pass = 'another1';
    });
    const newer = await inventory('version3.yaml', (file) => {
      delete vi1(file).auth_pass;
      vi1(file).advert_int = 0.5;
    });
    for (const [what, path] of [
      ['password', password],
      ['version 2 to 3', newer],
    ] as const) {
      const { classes, interruptions, report } = await edit(what, path);
      expect(classes, what).toEqual(['together']);
      expect(interruptions, what).toEqual(['no failed requests']);
      expect(report.failed, JSON.stringify(report)).toBe(0);
    }
    const back = await edit('version 3 to 2', ready);
    expect(back.classes).toEqual(['together']);
    expect(back.report.failed, JSON.stringify(back.report)).toBe(0);
  });

  it('other preferences: the address moves', async () => {
    const path = await inventory('prefer.yaml', (file) => {
      vi1(file).priority = { lb1: 240, lb2: 250 };
    });
    const { classes, interruptions, report } = await edit('preferred host', path);
    expect(classes).toEqual(['reload']);
    expect(interruptions).toContain('at most 2 failed requests while the addresses move');
    expect(report.failed).toBeLessThanOrEqual(2);
    await heldBy('lb2');
    const back = await edit('and back', ready);
    expect(back.report.failed).toBeLessThanOrEqual(2);
    await heldBy('lb1');
  });
});
