import { beforeAll, describe, expect, it } from 'vitest';
import { changesBetween, PAIR, snapshot } from './support/hosts.js';
import { eventsOf, lbctl, planOf, summaryOf } from './support/lbctl.js';
import { startReady } from './support/pair.js';

describe('a pair that is as it should be', () => {
  let path: string;

  beforeAll(async () => {
    path = await startReady();
  });

  it('plan has nothing to say and exits 0', async () => {
    const json = await lbctl('plan', path, '--json');
    expect(json.exit, json.said).toBe(0);
    expect(planOf(json)).toEqual({ name: 'web', status: 'noop', changes: [], problems: [] });
    const words = await lbctl('plan', path);
    expect(words.exit).toBe(0);
    expect(words.stdout.trim()).toBe('No changes.');
  });

  it('up and plan touch no file and no process', async () => {
    const before = await Promise.all(PAIR.map(snapshot));
    const words = await lbctl('up', path);
    const json = await lbctl('up', path, '--json');
    const check = await lbctl('up', '--check', path);
    const after = await Promise.all(PAIR.map(snapshot));

    expect([words.exit, json.exit, check.exit], words.said).toEqual([0, 0, 0]);
    expect(words.stderr).toContain('web: plan: no changes');
    expect(words.stdout).toMatch(/^ *lb1 +ok$/m);
    expect(words.stdout).toMatch(/^ *lb2 +ok$/m);
    expect(eventsOf(json).filter(({ event }) => event === 'task')).toEqual([]);
    expect(summaryOf(json)).toMatchObject({
      ok: true,
      hosts: { lb1: { status: 'ok', changed: [] }, lb2: { status: 'ok', changed: [] } },
      clusters: { web: { ok: true, state: 'healthy' } },
    });
    PAIR.forEach((host, index) => {
      const [was, is] = [before[index], after[index]];
      if (was === undefined || is === undefined) throw new Error('no snapshot');
      // The snapshot does see what it is there for.
      expect(was.has('file /etc/haproxy/haproxy.cfg'), host).toBe(true);
      expect(
        [...was.keys()].filter((key) => key.startsWith('process keepalived')),
        host,
      ).toHaveLength(2);
      expect(changesBetween(was, is), host).toEqual([]);
    });
  });
});
