import { describe, expect, it } from 'vitest';
import { groundProblems } from '../../../src/engine/ground.js';
import type { ClusterPlan } from '../../../src/planning/types.js';
import { roomProbe } from '../../../src/resources/probes/room.js';
import { UnknownFact } from '../../../src/resources/types.js';
import { given } from '../support/facts.js';
import { clusterOf } from '../support/model.js';

const NOW = 1_800_000_000;

/** As df prints it: rows of /etc, /usr, /var and /run. */
function said({
  blocks = {},
  inodes = {},
  clock = NOW,
}: {
  blocks?: Record<string, number>;
  inodes?: Record<string, number | string>;
  clock?: number;
} = {}) {
  const row = (free: number | string, folder: string, separate: boolean) =>
    `/dev/mapper/vg 0-root 9999999 1 ${free} 1% ${separate ? folder : '/'}`.replace('vg 0', 'vg0');
  const table = (of: Record<string, number | string>, usual: number) =>
    ['/etc', '/usr', '/var', '/run'].map((it) => row(of[it] ?? usual, it, it in of)).join('\n');
  return `clock ${clock}\nFilesystem 1024-blocks Used Available Capacity Mounted on\n${table(blocks, 9_000_000)}\ninodes\nFilesystem Inodes IUsed IFree IUse% Mounted on\n${table(inodes, 100_000)}\n`;
}

function parse(stdout: string, exitCode = 0) {
  return roomProbe.parse({ stdout, stderr: exitCode === 0 ? '' : 'df: /var: Stale file handle', exitCode });
}

function problemsOf(stdout: string, changed = ['haproxy_config']) {
  const room = parse(stdout);
  if (!room.ok) throw new Error(room.error);
  const plan = {
    changes: changed.map((resource) => ({ host: 'lb1', change: { resource } })),
  } as unknown as ClusterPlan;
  const facts = new Map([['lb1', given([roomProbe, room.value])]]);
  return groundProblems(clusterOf(), plan, facts, { asked: NOW * 1000, answered: NOW * 1000 + 400 });
}

describe('a host about to be changed', () => {
  it.each<[string, string, string[] | undefined, string[]]>([
    ['with room and the right time', said(), ['packages'], []],
    [
      'whose /etc is full',
      said({ blocks: { '/etc': 1024 } }),
      undefined,
      ['/etc has 1.0 MiB free, 4.0 MiB are needed'],
    ],
    [
      'without room for packages',
      said({ blocks: { '/var': 51_200 } }),
      ['packages'],
      ['/var has 50 MiB free, 200 MiB are needed'],
    ],
    ['that needs no packages', said({ blocks: { '/var': 51_200, '/usr': 0 } }), undefined, []],
    [
      'without inodes',
      said({ inodes: { '/run': 12 } }),
      undefined,
      ['/run (mounted at /) has 12 inodes free, 200 are needed'],
    ],
    ['with nothing to change', said({ blocks: { '/etc': 0 }, clock: 0 }), [], []],
    [
      'whose clock is slow',
      said({ clock: NOW - 86_400 * 3 }),
      undefined,
      ['its clock is 3 days behind the one here'],
    ],
    [
      'whose clock is fast',
      said({ clock: NOW + 90 }),
      undefined,
      ['its clock is 90 s ahead of the one here'],
    ],
    ['whose clock is off by seconds', said({ clock: NOW - 29 }), undefined, []],
  ])('%s', (_, stdout, changed, expected) => {
    expect(problemsOf(stdout, changed).map((it) => it.summary)).toEqual(expected);
  });

  it('is stopped by a full disk, and warned of a wrong clock', () => {
    const found = problemsOf(said({ blocks: { '/etc': 1 }, clock: 0 }));
    expect(found.map((it) => [it.severity, it.code, it.host])).toEqual([
      ['error', 'disk-full', 'lb1'],
      ['warning', 'clock-off', 'lb1'],
    ]);
  });

  it('that does not say is not changed either', () => {
    const plan = { changes: [{ host: 'lb1', change: { resource: 'sysctl' } }] } as unknown as ClusterPlan;
    const silent = {
      need: () => {
        throw new UnknownFact('room', 'df: /var: Stale file handle');
      },
    };
    const [problem] = groundProblems(clusterOf(), plan, new Map([['lb1', silent]]), {
      asked: 0,
      answered: 0,
    });
    expect(problem).toMatchObject({
      severity: 'error',
      code: 'unknown-fact',
      detail: expect.stringContaining('Stale'),
    });
  });
});

describe('df', () => {
  it('counts no inodes on btrfs, and some know no -i', () => {
    const btrfs = parse(said().replace(/9999999 1 100000/g, '0 0 0'));
    expect(btrfs.ok && btrfs.value.fileSystems.map((it) => it.freeInodes)).toEqual([null, null, null, null]);
    const without = parse(said().replace(/inodes[\s\S]*/, 'inodes\n'));
    expect(without.ok && without.value.fileSystems[0]?.freeInodes).toBeNull();
  });

  it('that fails, or prints something else, is no answer', () => {
    expect(parse('clock 5\n', 1).ok).toBe(false);
    expect(parse('clock 5\nFilesystem\n').ok).toBe(false);
    expect(parse('df\n').ok).toBe(false);
  });
});
