import { describe, expect, it } from 'vitest';
import type { System } from '../../../src/inventory/model.js';
import {
  packageVersionsProbe,
  satisfies,
  targetsOf,
  type VersionFacts,
} from '../../../src/resources/package-versions.js';
import { packagesProbe, packageUpgradesResource } from '../../../src/resources/packages.js';
import { osProbe } from '../../../src/resources/probes/os.js';
import { given, output, parsed, refusal } from '../support/facts.js';
import { clusterOf, hostOf } from '../support/model.js';

type Wishes = System['packages'];
const LATEST: Wishes = { haproxy: 'latest', keepalived: 'present' };
const exactly = (version: string): Wishes => ({ haproxy: { version }, keepalived: 'present' });

describe('an exact version', () => {
  it.each<[have: string, wish: string, same: boolean]>([
    ['2.6.12-1.el9', '2.6.12-1.el9', true],
    ['2.6.12-1.el9', '2.6.12', true],
    ['2.6.12-1.el9', '2.6.12-2.el9', false],
    ['2.6.12-1.el9', '2.6', false],
    ['1:2.2.7-1+b2', '2.2.7-1+b2', true],
    ['2.2.7-1+b2', '1:2.2.7-1+b2', true],
    ['2.6.12-1+deb12u4', '2.6.12-1', false],
    ['2.6.10', '2.6.1', false],
  ])('%s satisfies %s: %s', (have, wish, same) => {
    expect(satisfies(have, wish)).toBe(same);
  });
});

describe('what is to be installed', () => {
  const facts = (of: Partial<VersionFacts>): VersionFacts => ({
    available: {},
    candidate: {},
    lockedBy: null,
    ...of,
  });
  const there = { haproxy: '2.6.12-1.el9', keepalived: '2.2.7-1.el9' };
  const known = { haproxy: ['2.6.12-2.el9', '2.6.12-10.el9', '2.4.22-1.el9'] };

  it.each<
    [what: string, wishes: Wishes, installed: Record<string, string>, of: Partial<VersionFacts>, to: object]
  >([
    ['present, and there', { haproxy: 'present', keepalived: 'present' }, there, {}, {}],
    [
      'present, and missing',
      { haproxy: 'present', keepalived: 'present' },
      {},
      {},
      { haproxy: null, keepalived: null },
    ],
    [
      'latest, and there is a newer one',
      LATEST,
      there,
      { candidate: { haproxy: '2.6.12-2.el9' } },
      { haproxy: '2.6.12-2.el9' },
    ],
    ['latest, and there is none', LATEST, there, {}, {}],
    ['latest, and it is there', LATEST, there, { candidate: { haproxy: '0:2.6.12-1.el9' } }, {}],
    ['exact, and there: no repository is asked', exactly('2.6.12'), there, {}, {}],
    ['exact, an older one', exactly('2.4.22'), there, { available: known }, { haproxy: '2.4.22-1.el9' }],
    [
      'exact, the newest release of it',
      exactly('2.6.12'),
      { ...there, haproxy: '2.4.22-1.el9' },
      { available: known },
      { haproxy: '2.6.12-10.el9' },
    ],
  ])('%s', (_, wishes, installed, of, to) => {
    const found = targetsOf(wishes, installed, () => facts(of));
    expect(found.problems).toEqual([]);
    expect(Object.fromEntries(found.versions)).toEqual(to);
  });

  it('a version that nobody has names those that there are', () => {
    const { versions, problems } = targetsOf(exactly('9.9'), there, () => facts({ available: known }));
    expect([...versions]).toEqual([]);
    expect(problems.map((it) => it.summary)).toEqual([
      'the repositories of this host have no haproxy 9.9; they have 2.4.22-1.el9, 2.6.12-2.el9, 2.6.12-10.el9',
    ]);
  });

  it('present never asks a repository', () => {
    const asked = () => {
      throw new Error('asked');
    };
    expect(targetsOf({ haproxy: 'present', keepalived: 'present' }, {}, asked).problems).toEqual([]);
  });
});

describe('what the repositories have', () => {
  it('is read by package, with whoever works there', () => {
    const text =
      'candidate haproxy 2.6.12-2.el9\navailable keepalived 2.2.8-1\navailable keepalived 2.2.7-1\nlocked dnf (process 812)\n';
    expect(parsed(packageVersionsProbe(LATEST), text)).toEqual({
      candidate: { haproxy: '2.6.12-2.el9' },
      available: { keepalived: ['2.2.8-1', '2.2.7-1'] },
      lockedBy: 'dnf (process 812)',
    });
  });

  it('is unknown where they do not answer', () => {
    const said = output('', { exitCode: 1, stderr: 'Cannot download repomd.xml' });
    expect(refusal(packageVersionsProbe(LATEST), said)).toMatch(/cannot be read: Cannot download/);
  });

  it('is asked for what is wished for alone', () => {
    const script = String(packageVersionsProbe(exactly('2.6.12')).script);
    expect(script).toMatch(/^exact haproxy 2\.6\.12$/m);
    expect(script).not.toMatch(/^(?:newest|exact) keepalived/m);
  });
});

describe('an upgrade', () => {
  const cluster = { ...clusterOf(), system: { ...clusterOf().system, packages: LATEST } };
  const resource = packageUpgradesResource({ cluster, host: hostOf(cluster, 'lb1'), authPass: new Map() });
  const plan = (installed: Record<string, string>, lockedBy: string | null = null) =>
    resource.plan(
      given(
        [osProbe, { id: 'rocky', pretty: 'Rocky', family: 'el' }],
        [packagesProbe, installed],
        [packageVersionsProbe(LATEST), { available: {}, candidate: { haproxy: '2.8.1-1.el9' }, lockedBy }],
      ),
    );

  it('restarts, is never ended half way, and says from what to what', () => {
    const { change } = plan({ haproxy: '2.6.12-1.el9', keepalived: '2.2.7-1.el9' });
    expect(change).toMatchObject({ restarts: true, reason: 'haproxy 2.6.12-1.el9 -> 2.8.1-1.el9' });
    expect(change?.steps.map((it) => it.limit)).toEqual(['none']);
    expect(String(change?.steps[0]?.script)).toContain('install haproxy-2.8.1-1.el9');
  });

  it('is not for what is missing: that is installed before', () => {
    expect(plan({ keepalived: '2.2.7-1.el9' }).change).toBeNull();
  });

  it('says for whom it would have to wait', () => {
    const { problems } = plan({ haproxy: '2.6.12-1.el9', keepalived: '2.2.7-1.el9' }, 'yum (process 7)');
    expect(problems).toMatchObject([
      { severity: 'warning', summary: 'yum (process 7) works with the package manager: it is waited for' },
    ]);
  });
});
