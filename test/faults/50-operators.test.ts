import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBoth, vip } from '../e2e/support/hosts.js';
import { lbctl } from '../e2e/support/lbctl.js';
import { startClientLoop } from '../lab/lab.js';
import { leftovers, type Scene, setScene, whole } from './support/scene.js';
import { printTally, tried } from './support/tally.js';

const ROUNDS = 20;

describe('two operators at once', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await setScene();
  });
  afterAll(printTally);

  it('one of them changes the pair, the other is told so or has nothing to do, or comes after', async () => {
    const loop = await startClientLoop(`http://${await vip()}/`, { maxSeconds: 600, timeoutMs: 3000 });
    let one = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const paths = round % 2 === 0 ? [scene.now, scene.other] : [scene.other, scene.now];
      const runs = await Promise.all(paths.map((path) => lbctl('up', path)));
      const exits = runs.map(({ exit }) => exit).sort();
      const said = runs.map((it) => it.said).join('\n');
      expect([0, 6], said).toContain(exits[1]);
      expect(exits[0], said).toBe(0);
      if (exits[1] === 6) {
        one += 1;
        expect(said).toMatch(/is changing this cluster with `lbctl up`/);
      }
      expect(await whole(scene.known)).toEqual([]);
      expect(await leftovers()).toEqual([]);
      // Both hosts are what one of the two wanted, never one of each.
      const [lb1, lb2] = await onBoth('grep -c leastconn /etc/haproxy/haproxy.cfg; true');
      expect(lb1, said).toBe(lb2);
      expect(await onBoth('ls /var/lib/lbctl/lock 2>/dev/null; true')).toEqual(['', '']);
    }
    const report = await loop.stop();
    tried(`two operators at once (one was refused in ${one} of ${ROUNDS})`, 0, report);
    expect(report.failed, JSON.stringify(report.errors)).toBe(0);
  });
});
