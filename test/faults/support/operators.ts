/** Two operators who want another change of the same pair at the same time. */
import { expect } from 'vitest';
import { onBoth, vip } from '../../e2e/support/hosts.js';
import { lbctl } from '../../e2e/support/lbctl.js';
import { inventory } from '../../e2e/support/pair.js';
import { startClientLoop } from '../../lab/lab.js';
import { leftovers, remember, type Scene, sleep, whole } from './scene.js';
import { progress, tried } from './tally.js';

/** The second operator is at most so many milliseconds later. */
const LATER = 300;

/** A third configuration, beside the two of the scene; the pair has been each of them once. */
export async function thirdOf(scene: Scene): Promise<string> {
  const third = await inventory('third.yaml', ({ clusters: { web } }) => {
    web.haproxy.backends.app.balance = 'source';
    Object.assign(web, { check: { fall: 4 } });
  });
  for (const path of [third, scene.now]) {
    const run = await lbctl('up', path);
    expect(run.exit, run.said).toBe(0);
    await remember(scene.known);
  }
  return third;
}

/**
 * Both want what the pair is not. Resolves with the one of `all` that it is afterwards.
 * @param later whether the second begins a moment later, at a random one, or at once
 */
export async function twoOperators(
  scene: Scene,
  all: readonly string[],
  current: string,
  { next, later: isLater }: { readonly next: () => number; readonly later: boolean },
): Promise<string> {
  const loop = await startClientLoop(`http://${await vip()}/`, { maxSeconds: 200, timeoutMs: 3000 });
  const wishes = all.filter((it) => it !== current);
  if (next() < 0.5) wishes.reverse();
  const later = Math.round(next() * LATER * Number(isLater));
  const runs = await Promise.all(
    wishes.map(async (path, index) => {
      await sleep(index * later);
      return { path, ...(await lbctl('up', path)) };
    }),
  );
  const said = runs.map((it) => it.said).join('\n---\n');
  const won = runs.filter(({ exit }) => exit === 0);
  const refused = runs.filter(({ exit }) => exit === 6);
  expect(won.length + refused.length, said).toBe(2);
  expect(won.length, said).toBeGreaterThan(0);
  for (const run of refused) expect(run.said).toMatch(/is changing this cluster with `lbctl up`/);
  const problems = [...(await whole(scene.known)), ...(await leftovers())];
  expect(problems, said).toEqual([]);
  expect(await onBoth('ls /var/lib/lbctl/lock 2>/dev/null; true')).toEqual(['', '']);
  // Both hosts are what one of those who succeeded wanted, never one of each.
  const plans = await Promise.all(won.map(async ({ path }) => ({ path, ...(await lbctl('plan', path)) })));
  const is = plans.filter(({ exit }) => exit === 0);
  expect(is.length, `${said}\n${plans.map((it) => it.said).join('\n')}`).toBe(1);
  const report = await loop.stop();
  const what = refused.length === 1 ? 'one of them refused' : 'one after the other';
  tried(`two operators at once, ${what}`, Math.max(...runs.map((it) => it.exit ?? 0)), report);
  progress(
    `two operators, the second ${later} ms later: ${what}, ${report.failed} of ${report.requests} requests lost`,
  );
  expect(report.failed, JSON.stringify(report.errors)).toBe(0);
  return is[0]?.path ?? current;
}
