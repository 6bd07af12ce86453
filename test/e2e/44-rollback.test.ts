import { beforeAll, describe, expect, it } from 'vitest';
import { startClientLoop } from '../lab/lab.js';
import { edition, history, leftovers, withHeader } from './support/editions.js';
import { on, PAIR, vip } from './support/hosts.js';
import { eventsOf, lbctl, statusOf, summaryOf } from './support/lbctl.js';
import { healthy, type InventoryFile, inventory, startReady } from './support/pair.js';
import { until } from './support/until.js';

const KEEPALIVED = '/etc/keepalived/keepalived.conf';
const GATE = expect.stringContaining('gate keepalived-settled failed');

describe('a change that has to be taken back', () => {
  let url: string;
  let one: string;
  let two: string;

  beforeAll(async () => {
    await startReady();
    url = `http://${await vip()}/`;
    one = await withHeader('one');
    two = await withHeader('two');
    const up = await lbctl('up', one);
    expect(up.exit, up.said).toBe(0);
  });

  it('by the operator: history lists the runs, rollback goes back, and no client notices', async () => {
    expect((await lbctl('up', two)).exit).toBe(0);
    const before = await history(two);
    const last = before[0]?.number ?? 0;
    expect(before[0]).toMatchObject({
      command: 'lbctl up',
      hosts: {
        lb1: {
          changes: ['update haproxy_config'],
          reverted: null,
          diff: expect.stringMatching(/^-.*x-edition one$/m),
        },
        lb2: { diff: expect.stringMatching(/^\+.*x-edition two$/m) },
      },
    });
    const text = await lbctl('history', two);
    expect(text.stdout).toContain(`lbctl rollback --to ${last}`);

    const loop = await startClientLoop(url);
    const run = await lbctl('rollback', two, '--json');
    const report = await loop.stop();
    expect(run.exit, run.said).toBe(0);
    expect(summaryOf(run)).toMatchObject({
      ok: true,
      hosts: { lb1: { status: 'changed', changed: ['haproxy_config'] } },
    });
    expect(await edition()).toEqual(['one', 'one']);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    expect((await lbctl('plan', one)).exit).toBe(0);

    // Going back is a run of its own: it can be taken back, too, and so can what came before it.
    expect((await history(two))[0]?.number).toBe(last + 1);
    expect((await lbctl('rollback', two, '--to', String(last + 1))).exit).toBe(0);
    expect(await edition()).toEqual(['two', 'two']);
    expect((await lbctl('rollback', two, '--to', String(last))).exit).toBe(0);
    expect(await edition()).toEqual(['one', 'one']);
    expect(await leftovers()).toEqual([]);
  });

  it('to a generation that is not there: refused with those that are', async () => {
    const run = await lbctl('rollback', one, '--to', '99999');
    expect(run.exit).toBe(1);
    expect(run.said).toMatch(/there is no generation 99999/);
    expect(run.said).toMatch(/there are [\d, ]+: `lbctl history` shows them/);
    const zero = await lbctl('rollback', one, '--to', '0');
    expect(zero.exit).toBe(1);
    expect(zero.stderr).toContain('lbctl down');
    expect(await edition()).toEqual(['one', 'one']);
  });

  it('since it failed on the active host: both are as before, the cause first, no request lost', async () => {
    // HAProxy of the active host alone refuses every file: the standby has the new one by then.
    await on(
      'lb1',
      `mv /usr/sbin/haproxy /usr/sbin/haproxy.own && printf '%s\\n' '#!/bin/sh' 'case " $* " in *" -c "*) echo "no such luck" >&2; exit 1;; esac' 'exec /usr/sbin/haproxy.own "$@"' >/usr/sbin/haproxy && chmod 755 /usr/sbin/haproxy`,
    );
    const loop = await startClientLoop(url);
    try {
      const run = await lbctl('up', two, '--json');
      expect(run.exit, run.said).toBe(1);
      expect(run.stderr).toContain('no such luck');
      expect(summaryOf(run)).toMatchObject({
        ok: false,
        hosts: {
          lb1: { status: 'failed', changed: [] },
          lb2: { status: 'skipped', changed: [], rolled_back: true },
        },
        clusters: {
          web: { error: expect.stringMatching(/^a step failed.*; rolled back: lb1 and lb2 as before/) },
        },
      });
      expect(await edition()).toEqual(['one', 'one']);

      const kept = await lbctl('up', two, '--no-rollback');
      expect(kept.exit).toBe(1);
      expect(kept.said).toContain('what was changed stays (`--no-rollback`)');
      expect(await edition()).toEqual(['one', 'two']);
    } finally {
      await on('lb1', 'mv -f /usr/sbin/haproxy.own /usr/sbin/haproxy');
    }
    expect((await loop.stop()).failed).toBe(0);
    expect(await leftovers()).toEqual([]);
    const rerun = await lbctl('up', one);
    expect(rerun.exit, rerun.said).toBe(0);
    await healthy(one);
  });

  it('since a gate failed on the standby: it is as before, the active host was not touched', async () => {
    // There, up, and without an address: keepalived takes the file and goes to FAULT.
    await on(
      'lb2',
      'ip link add lab0 type veth peer name lab1 && ip link set lab0 up && ip link set lab1 up',
    );
    const kept = async () => Promise.all(PAIR.map((host) => on(host, `cat ${KEEPALIVED}`)));
    const before = await kept();
    const wrong = await inventory('interface.yaml', ({ clusters: { web } }) => {
      web.hosts.lb2.interface = 'lab0';
      web.haproxy.frontends.main.lines = ['http-response set-header x-edition one'];
    });
    const loop = await startClientLoop(url);
    try {
      const run = await lbctl('up', wrong, '--json');
      expect(run.exit, run.said).toBe(1);
      expect(summaryOf(run)).toMatchObject({
        hosts: {
          lb1: { status: 'skipped', changed: [], error: null },
          lb2: { status: 'failed', changed: [], rolled_back: true, error: GATE },
        },
        clusters: { web: { error: expect.stringMatching(/^a step failed.*; rolled back: lb2 as before/) } },
      });
      expect(run.stderr).toContain("keepalived's instances are not all MASTER or BACKUP");
    } finally {
      await on('lb2', 'ip link del lab0');
    }
    expect((await loop.stop()).failed).toBe(0);
    expect(await kept()).toEqual(before);
    expect(await leftovers()).toEqual([]);
    await healthy(one);
    expect((await lbctl('plan', one)).exit).toBe(0);
  });

  it.each<[what: string, edit: (file: InventoryFile) => void, cause: RegExp]>([
    [
      'a frontend that no server answers',
      ({ clusters: { web } }) => {
        const { address } = web.hosts.lb1;
        Object.assign(web.haproxy.frontends, { more: { bind: [8088], default_backend: 'nobody' } });
        Object.assign(web.haproxy.backends, { nobody: { servers: { only: `${address}:9` } } });
      },
      /more on [\d.]+:8088 answers 503|no server of backend nobody is up/,
    ],
    [
      'an answer that nobody gives',
      ({ clusters: { web } }) => void Object.assign(web, { verify: { status: 418 } }),
      /answers 200 to lb2: 418 was expected/,
    ],
  ])('since the verification failed, every gate passed: %s', async (_, edit, cause) => {
    const wrong = await inventory('wrong.yaml', (file) => {
      file.clusters.web.haproxy.frontends.main.lines = ['http-response set-header x-edition two'];
      edit(file);
    });
    const loop = await startClientLoop(url);
    const run = await lbctl('up', wrong, '--json');
    const report = await loop.stop();
    expect(run.exit, run.said).toBe(5);
    const summary = summaryOf(run);
    expect(summary).toMatchObject({
      ok: false,
      hosts: { lb1: { changed: [], rolled_back: true }, lb2: { changed: [], rolled_back: true } },
      clusters: { web: { state: expect.stringMatching(/^(?:down|degraded)$/) } },
    });
    const error = String(summary.clusters?.web?.error);
    expect(error).toMatch(/^the pair was \w+ after the run: .*; rolled back: lb1 and lb2 as before the run$/);
    expect(error).toMatch(cause);
    const told = eventsOf(run).map((it) => (it.event === 'phase' ? `${it.phase} ${it.state}` : it.event));
    expect(told.indexOf('diagnostic')).toBeGreaterThan(told.indexOf('verify failed'));
    expect(told.indexOf('diagnostic')).toBeLessThan(told.indexOf('rollback started'));
    expect(await edition()).toEqual(['one', 'one']);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
    expect(await leftovers()).toEqual([]);
    await healthy(one);
    expect((await lbctl('plan', one)).exit).toBe(0);
  });

  it('but not what was broken before: the run ends and says so, and `rollback` goes back all the same', async () => {
    const servers = (verb: string) =>
      Promise.all([on('web1', `systemctl ${verb} nginx`), on('web2', `systemctl ${verb} nginx`)]);
    await servers('stop');
    try {
      // On both hosts: what one of them finds out during the run would be new.
      await until('no server', async () => {
        const { servers } = statusOf(await lbctl('status', one, '--json'));
        const told = servers.flatMap(({ status }) => Object.values(status));
        return told.length === 4 && told.every((it) => it === 'DOWN') ? true : undefined;
      });
      const run = await lbctl('up', two, '--json');
      expect(run.exit, run.said).toBe(5);
      expect(summaryOf(run).clusters?.web?.error).toMatch(
        /nothing was rolled back: before the run the pair was as unhealthy as it is now$/,
      );
      expect(run.stderr).toContain('no server of backend');
      expect(await edition()).toEqual(['two', 'two']);
      const back = await lbctl('rollback', two);
      expect(back.exit, back.said).toBe(5);
      expect(await edition()).toEqual(['one', 'one']);
    } finally {
      await servers('start');
    }
    await healthy(one);
  });
});
