import { beforeAll, describe, expect, it } from 'vitest';
import { startClientLoop } from '../lab/lab.js';
import { edition, history, leftovers, withHeader } from './support/editions.js';
import { holders, on, onBoth, vip } from './support/hosts.js';
import { lbctl, start, startWithin, statusOf } from './support/lbctl.js';
import { healthy, inventory, startReady, vi1 } from './support/pair.js';
import { until } from './support/until.js';

/** In both directions: what the host says must not arrive either, or the next host has its turn. */
const SILENCE = `nft '${[
  'add table inet silence',
  'add chain inet silence input { type filter hook input priority -10; policy accept; }',
  'add chain inet silence output { type filter hook output priority -10; policy accept; }',
  'add rule inet silence input tcp dport 22 drop',
  'add rule inet silence output tcp sport 22 drop',
].join('; ')}'`;

describe('an operator who is gone in the middle of a change', () => {
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

  it('is not waited for: the host goes back by itself within a minute, and nothing of it is left', async () => {
    // A reload that takes its time, so that there is a middle to be killed in.
    const unit = '/etc/systemd/system/haproxy.service.d/slow.conf';
    await on('lb2', `printf '[Service]\\nExecReload=/bin/sleep 4\\n' >${unit} && systemctl daemon-reload`);
    const loop = await startClientLoop(url);
    try {
      const run = startWithin(150_000, 'up', two);
      await run.saw(/web\/lb2: reload haproxy: started/);
      await until('the new file on the standby', async () =>
        (await edition())[1] === 'two' ? true : undefined,
      );
      // No connection is closed, no packet refused: there is merely silence.
      await on('lb2', SILENCE);
      await until('the file as it was', async () => ((await edition())[1] === 'one' ? true : undefined), 60);
      await until('the switch gone', async () =>
        (await on('lb2', 'ls /run/lbctl/undo-* 2>/dev/null; true')) === '' ? true : undefined,
      );
      run.child.kill('SIGKILL');
      await run.ended;
    } finally {
      await on('lb2', `nft delete table inet silence 2>/dev/null; rm -f ${unit} && systemctl daemon-reload`);
    }
    expect((await loop.stop()).failed).toBe(0);
    expect(await edition()).toEqual(['one', 'one']);
    expect((await history(one))[0]?.hosts.lb2?.reverted).toMatch(/^\d{4}-/);
    // The other host never heard that the operator is gone: its lock would free itself within a minute.
    expect((await lbctl('lock', 'release', two, '--yes', '--force')).exit).toBe(0);
    const rerun = await lbctl('up', two);
    expect(rerun.exit, rerun.said).toBe(0);
    expect(await edition()).toEqual(['two', 'two']);
    await healthy(two);
    expect(await leftovers()).toEqual([]);
  }, 200_000);

  it('never takes one host alone back where hosts must change together: the standby waits, even over a restart', async () => {
    const flip = await inventory('flip.yaml', (file) => {
      vi1(file).virtual_router_id = 53;
      file.clusters.web.haproxy.frontends.main.lines = ['http-response set-header x-edition two'];
    });
    const loop = await startClientLoop(url);
    const run = start('up', flip);
    await run.saw(/web\/lb2: stop keepalived: done/);
    run.child.kill('SIGKILL');
    await run.ended;
    // Whatever starts it: a reboot does the same.
    await on('lb2', 'sleep 2; systemctl start keepalived');
    expect(await on('lb2', 'systemctl is-active keepalived; true')).toBe('inactive');
    const asked = await lbctl('status', flip, '--json');
    expect(asked.exit).toBe(5);
    const found = statusOf(asked);
    expect(found).toMatchObject({ state: 'degraded', virtual_ips: [{ holders: ['lb1'] }] });
    expect(found?.problems.map((it) => `${it.host} ${it.code}`)).toContain('lb2 waits_for_the_others');
    expect((await lbctl('lock', 'release', flip, '--yes', '--force')).exit).toBe(0);
    const rerun = await lbctl('up', flip);
    expect(rerun.exit, rerun.said).toBe(0);
    const report = await loop.stop();
    await healthy(flip);
    expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(3000);
    expect(await on('lb2', 'systemctl is-active keepalived')).toBe('active');
  });

  it('nor once the standby starts again: it stays with the active host, however long nobody comes', async () => {
    const loop = await startClientLoop(url, { maxSeconds: 110 });
    const run = start('up', two, '--revert-after', '20');
    await run.saw(/web\/lb2: start keepalived: started/);
    await until('keepalived on the standby', async () =>
      (await on('lb2', 'systemctl is-active keepalived; true')) === 'active' ? true : undefined,
    );
    run.child.kill('SIGKILL');
    await run.ended;
    const router = await onBoth("sed -n 's/ *virtual_router_id //p' /etc/keepalived/keepalived.conf");
    expect(new Set(router).size).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 26_000));
    expect(await holders(await vip())).toEqual(['lb1']);
    expect(await onBoth("sed -n 's/ *virtual_router_id //p' /etc/keepalived/keepalived.conf")).toEqual(
      router,
    );
    expect(await on('lb2', 'ls -d /run/lbctl/undo-* 2>/dev/null; true')).toBe('');
    expect((await lbctl('lock', 'release', two, '--yes', '--force')).exit).toBe(0);
    const rerun = await lbctl('up', two);
    expect(rerun.exit, rerun.said).toBe(0);
    const report = await loop.stop();
    await healthy(two);
    expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(3000);
    expect(await leftovers()).toEqual([]);
  }, 150_000);
});
