import { beforeAll, describe, expect, it } from 'vitest';
import { labInfo, startClientLoop } from '../lab/lab.js';
import { ask, changesBetween, PAIR, processes, snapshot, vip } from './support/hosts.js';
import { eventsOf, lbctl, planned, planOf, summaryOf } from './support/lbctl.js';
import { heldBy, inventory, startReady } from './support/pair.js';

describe('a backend is edited', () => {
  let ready: string;
  let edited: string;
  let address: string;

  beforeAll(async () => {
    ready = await startReady();
    await heldBy('lb1');
    address = await vip();
    const { hosts } = await labInfo();
    edited = await inventory('edited.yaml', ({ clusters: { web } }) => {
      web.haproxy.backends.app.option = ['httpchk GET /healthz'];
      web.haproxy.backends.app.servers.web3 = `${hosts.web2.address}:8080`;
    });
  });

  it('plan shows the edit as a diff, on both hosts, and nothing else', async () => {
    const run = await lbctl('plan', edited, '--json');
    expect(run.exit, run.said).toBe(2);
    expect(planned(run)).toEqual(['lb1 haproxy_config', 'lb2 haproxy_config']);
    for (const { diff } of planOf(run).changes) {
      expect(diff).toMatch(/^\+ +server web3 \S+:8080 check$/m);
      expect(diff).toMatch(/^\+ +option httpchk GET \/healthz$/m);
      expect(diff?.split('\n').filter((line) => /^-(?!--)/.test(line))).toEqual([]);
    }
  });

  it('only HAProxy reloads, the standby first, and no request fails', async () => {
    const before = await Promise.all(
      PAIR.map(async (host) => ({
        files: await snapshot(host),
        haproxy: await processes(host, 'haproxy'),
        keepalived: await processes(host, 'keepalived'),
      })),
    );
    const loop = await startClientLoop(`http://${address}/`);
    const run = await lbctl('up', edited, '--json');
    const report = await loop.stop();

    expect(run.exit, run.said).toBe(0);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    // One every 10 ms, for as long as the run takes.
    expect(report.requests).toBeGreaterThan(50);
    const { hosts } = summaryOf(run);
    expect(hosts.lb1).toEqual({ status: 'changed', changed: ['haproxy_config'], error: null });
    expect(hosts.lb2).toEqual({ status: 'changed', changed: ['haproxy_config'], error: null });

    for (const [index, host] of PAIR.entries()) {
      const was = before[index];
      if (was === undefined) throw new Error('no snapshot');
      expect(await processes(host, 'keepalived'), host).toEqual(was.keepalived);
      const now = await processes(host, 'haproxy');
      expect([now.main, now.started], host).toEqual([was.haproxy.main, was.haproxy.started]);
      expect(now.children, host).not.toEqual(was.haproxy.children);
      const files = changesBetween(was.files, await snapshot(host)).flatMap(
        (it) => /^file ([^:]+)/.exec(it)?.[1] ?? [],
      );
      expect(
        files.filter((it) => !/^\/var\/lib\/(lbctl|haproxy)\b|^\/etc\/haproxy$/.test(it)),
        host,
      ).toEqual(['/etc/haproxy/haproxy.cfg']);
    }

    const told = eventsOf(run).flatMap(({ event, host, resource, state }) =>
      event === 'task' ? [`${host} ${resource} ${state}`] : [],
    );
    expect(told).toContain('lb1 reload haproxy running');
    expect(told.indexOf('lb2 reload haproxy done')).toBeGreaterThanOrEqual(0);
    expect(told.indexOf('lb2 reload haproxy done')).toBeLessThan(told.indexOf('lb1 haproxy_config running'));
  });

  it('the new server takes its share, and the way back is as quiet', async () => {
    const answers = await ask(`http://${address}/`, 6);
    expect(answers.filter((it) => it === 'This is Web2')).toHaveLength(4);

    const loop = await startClientLoop(`http://${address}/`);
    const run = await lbctl('up', ready, '--json', '--diff');
    const report = await loop.stop();
    expect(run.exit, run.said).toBe(0);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    expect(run.stdout).toContain('-    server web3');
    expect((await lbctl('plan', ready)).exit).toBe(0);
  });
});
