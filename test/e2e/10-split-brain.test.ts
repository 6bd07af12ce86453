import { beforeAll, describe, expect, it } from 'vitest';
import { ask, holders, on, vip } from './support/hosts.js';
import { lbctl, summaryOf } from './support/lbctl.js';
import { codes, healthy, heldBy, startReady, status } from './support/pair.js';
import { until } from './support/until.js';

describe('the hosts no longer hear each other', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    path = await startReady();
    address = await vip();
    await heldBy('lb1');
  });

  it('status says split brain, up does not call it well, and it heals when the filter goes', async () => {
    await on(
      'lb2',
      `nft 'add table inet cut; add chain inet cut input { type filter hook input priority 0; policy accept; };
       add rule inet cut input ip protocol 112 drop'`,
    );
    try {
      await until('both hold the VIP', async () =>
        (await holders(address)).length === 2 ? true : undefined,
      );
      const found = await status(path);
      expect(found).toMatchObject({ exit: 5, state: 'split_brain' });
      expect(codes(found)).toEqual(['adverts_not_heard', 'split_brain']);
      expect(found.virtual_ips[0]?.holders).toEqual(['lb1', 'lb2']);
      expect(found.hosts.map(({ instances }) => instances.VI_1?.state)).toEqual(['MASTER', 'MASTER']);
      const words = await lbctl('status', path);
      expect(words.exit).toBe(5);
      expect(words.stdout).toMatch(/split brain[\s\S]*lb1 and lb2 both hold [\d.]+: .*protocol 112/);
      const up = await lbctl('up', path, '--json');
      expect(up.exit, up.said).toBe(5);
      expect(summaryOf(up)).toMatchObject({
        ok: false,
        clusters: { web: { ok: false, state: 'split_brain' } },
        hosts: { lb1: { changed: [] }, lb2: { changed: [] } },
      });
      expect(up.stderr).toContain('both hold');
      // One of them cannot be asked any more: its MAC address still answers.
      await on('lb1', 'systemctl stop ssh');
      try {
        const half = await status(path);
        expect(half).toMatchObject({ exit: 4, state: 'split_brain' });
        expect(codes(half)).toEqual(['foreign_holder', 'lb1 host_unreachable']);
        expect(half.virtual_ips[0]?.holders).toEqual(['lb2']);
        const told = half.problems.find((it) => it.code === 'foreign_holder')?.message;
        expect(told).toMatch(/^lb1, which cannot be reached, or .* answers for [\d.]+ while lb2 holds it/);
      } finally {
        await on('lb1', 'systemctl start ssh');
      }
    } finally {
      await on('lb2', 'nft delete table inet cut');
    }
    await heldBy('lb1');
    expect((await healthy(path)).problems).toEqual([]);
    expect(await ask(`http://${address}/`, 2)).toHaveLength(2);
    expect((await lbctl('up', path)).exit).toBe(0);
  });
});
