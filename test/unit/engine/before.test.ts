import { describe, expect, it } from 'vitest';
import type { Observations } from '../../../src/engine/assess.js';
import { nothingNew, problemsBefore, standingOf } from '../../../src/engine/before.js';
import type { ClusterStatus, Problem } from '../../../src/engine/documents.js';
import type { Cluster } from '../../../src/inventory/model.js';
import { type Run, up } from '../support/converge.js';
import { clusterOf } from '../support/model.js';
import { builtPair, observations } from '../support/observed.js';
import { SimulatedPair } from '../support/simulated-pair.js';
import { hurried } from '../support/time.js';

const CFG = '/etc/haproxy/haproxy.cfg';
const REPLACED = clusterOf(['10.0.0.100/24', '10.0.0.101/24']);
const ADDED = clusterOf([
  'main: { bind: [80], default_backend: app }',
  'main: { bind: [80], default_backend: app }\n        more: { bind: [8080], default_backend: app }',
]);

async function seen(spoil: (pair: SimulatedPair) => void = () => undefined): Promise<Observations> {
  const pair = await builtPair();
  spoil(pair);
  return observations(pair);
}

const both = (pair: SimulatedPair) => [...pair.hosts.values()];
const stop = (pair: SimulatedPair, service: 'haproxy' | 'keepalived') => {
  for (const host of both(pair)) {
    const found = host.services.get(service);
    if (found !== undefined) found.active = 'inactive';
  }
};

describe('whether clients were served before a run', () => {
  it.each<[what: string, cluster: Cluster, spoil: (pair: SimulatedPair) => void, broken: RegExp | null]>([
    ['as it should be', clusterOf(), () => undefined, null],
    ['the only address is about to be replaced', REPLACED, () => undefined, null],
    ['nothing runs', clusterOf(), (pair) => stop(pair, 'keepalived'), /^no host held a virtual address/],
    [
      'the active HAProxy is dead, and nobody took over',
      clusterOf(),
      (pair) => {
        pair.host('lb1').extra.push('10.0.0.100');
        stop(pair, 'haproxy');
      },
      /^HAProxy did not serve on lb1: the pair was broken$/,
    ],
    [
      'the active HAProxy hangs: systemd calls it active',
      clusterOf(),
      (pair) => {
        pair.host('lb1').extra.push('10.0.0.100');
        for (const host of both(pair)) host.serves = false;
      },
      /^HAProxy did not serve on lb1: the pair was broken$/,
    ],
    [
      'both hold the address',
      clusterOf(),
      (pair) => void pair.host('lb2').extra.push('10.0.0.100'),
      /^lb1 and lb2 both held 10\.0\.0\.100: the pair was broken$/,
    ],
    [
      'both hold the address that is about to be replaced',
      REPLACED,
      (pair) => void pair.host('lb2').extra.push('10.0.0.100'),
      /^lb1 and lb2 both held 10\.0\.0\.100: the pair was broken$/,
    ],
    [
      'a pair made by hand: nothing of lbctl to ask',
      clusterOf(),
      (pair) => {
        for (const host of both(pair)) host.odd.set('haproxy-stats:8405', '\nrc=7\n');
      },
      null,
    ],
  ])('%s', async (_, cluster, spoil, broken) => {
    const found = standingOf(cluster, clusterOf(), await seen(spoil)).broken;
    if (broken === null) expect(found).toBeNull();
    else expect(found).toMatch(broken);
  });

  it('addresses that a change takes away were held all the same', async () => {
    expect([...standingOf(REPLACED, clusterOf(), await seen()).held]).toEqual(['10.0.0.100']);
    // Nothing says what the pair was: whoever is MASTER serves.
    expect(standingOf(REPLACED, null, await seen())).toEqual({ held: new Set(), broken: null });
  });
});

describe('what was wrong before a run', () => {
  it('is judged by what the pair was then', async () => {
    const found = await seen((pair) => void pair.host('lb2').odd.set('through-vip', '1|no||\n'));
    expect(problemsBefore(ADDED, clusterOf(), found)).toEqual([
      expect.objectContaining({ code: 'not_verified' }),
    ]);
    expect(problemsBefore(REPLACED, clusterOf(), await seen())).toEqual([]);
    expect(problemsBefore(REPLACED, null, await seen()).map((it) => it.code)).toContain('no_holder');
  });

  const of = (code: string, message: string, host: string | null = 'lb2'): Problem => ({
    code,
    message,
    host,
  });
  const answers = (status: number, name = 'main', host = 'lb2') =>
    of(
      'no_answer',
      `frontend ${name} on 10.0.0.100:80 answers ${status} to ${host}: HAProxy found no server to ask`,
      host,
    );

  it.each<[what: string, before: Problem, after: Problem, same: boolean]>([
    ['the same', answers(503), answers(503), true],
    ['asked by another host', answers(503), answers(503, 'main', 'lb1'), true],
    ['another frontend', answers(503), answers(503, 'more'), false],
    ['another answer', answers(404), answers(503), false],
    [
      'a host out of reach, in other words',
      of('host_unreachable', 'connection refused'),
      of('host_unreachable', 'timed out'),
      true,
    ],
    ['another host out of reach', of('host_unreachable', 'x', 'lb1'), of('host_unreachable', 'x'), false],
    [
      'keepalived stopped on the other host',
      of('vrrp_fault', 'x', 'lb1'),
      of('vrrp_fault', 'x', 'lb2'),
      false,
    ],
    ['something else unknown', of('unknown_fact', 'not known: a'), of('unknown_fact', 'not known: b'), false],
    [
      'a server that fails its check in another way',
      of('server_down', 'backend app: web1 (10.0.0.21:80) DOWN'),
      of('server_down', 'backend app: web1 (10.0.0.21:80) DOWN 1/2'),
      true,
    ],
    [
      'one server less',
      of(
        'no_server_up',
        'no server of backend app is up: web1 (10.0.0.21:80) DOWN, web2 (10.0.0.22:80) DOWN',
      ),
      of('server_down', 'backend app: web2 (10.0.0.22:80) DOWN'),
      true,
    ],
    [
      'one server more',
      of('server_down', 'backend app: web1 (10.0.0.21:80) DOWN'),
      of('server_down', 'backend app: web1 (10.0.0.21:80) DOWN, web2 (10.0.0.22:80) DOWN'),
      false,
    ],
    [
      'none left',
      of('server_down', 'backend app: web1 (10.0.0.21:80) DOWN'),
      of('no_server_up', 'no server of backend app is up: web1 (10.0.0.21:80) DOWN'),
      false,
    ],
    [
      'the same server of another backend',
      of('server_down', 'backend app: web1 (10.0.0.21:80) DOWN'),
      of('server_down', 'backend static: web1 (10.0.0.21:80) DOWN'),
      false,
    ],
  ])('%s: was so before: %#', (_, before, after, same) => {
    expect(nothingNew([before], { problems: [after] } as unknown as ClusterStatus)).toBe(same);
  });
});

describe('a verification that fails', () => {
  /** Asked through the address, by what the active host's HAProxy was told. */
  function answering(pair: SimulatedPair, answers: (edited: boolean) => string): void {
    const lb2 = pair.host('lb2');
    const { answer } = lb2;
    lb2.answer = function (id, script) {
      if (id !== 'through-vip') return answer.call(this, id, script);
      const text = pair.host('lb1').files.get(CFG)?.content ?? '';
      return { stdout: answers(/more|x-edited/.test(text)), stderr: '', exitCode: 0 };
    };
  }
  const EDITED = clusterOf([
    'default_backend: app }',
    'default_backend: app, lines: ["http-response set-header x-edited yes"] }',
  ]);
  const OK = 'yes|HTTP/1.1 200 OK|app/web1\n';
  const BAD = 'yes|HTTP/1.1 503 Service Unavailable|\n';
  const edited = (pair: SimulatedPair) =>
    both(pair).map((host) => /more|x-edited/.test(host.files.get(CFG)?.content ?? ''));
  const order = ({ events }: Run) =>
    events.flatMap((it) =>
      it.event === 'diagnostic'
        ? [it.diagnostic.summary]
        : it.event === 'phase' && it.state === 'started'
          ? [it.phase]
          : [],
    );

  it('after a change is told first, and then everything goes back', async () => {
    const pair = await builtPair();
    answering(pair, (now) => `0|${now ? BAD : OK}`);
    const run = await hurried(() => up(pair, { cluster: EDITED }));
    expect(run.result).toMatchObject({
      exit: 5,
      state: 'down',
      error: expect.stringMatching(
        /^the pair was down after the run: frontend main on \S+ answers 503 to lb2: .*; rolled back: lb1 and lb2 as before the run$/,
      ),
      hosts: { lb1: { changed: [], rolled_back: true }, lb2: { changed: [], rolled_back: true } },
    });
    expect(edited(pair)).toEqual([false, false]);
    expect(order(run).slice(-3)).toEqual(['verify', expect.stringMatching(/answers 503/), 'rollback']);
  });

  it('where a frontend is added and another one breaks: that is the run, although the new one never answered', async () => {
    const pair = await builtPair();
    answering(pair, (now) => (now ? `0|${BAD}1|no||\n` : `0|${OK}1|no||\n`));
    const run = await hurried(() => up(pair, { cluster: ADDED }));
    expect(run.result).toMatchObject({ exit: 5, error: expect.stringContaining('rolled back: lb1 and lb2') });
    expect(edited(pair)).toEqual([false, false]);
  });

  it('where only the frontend that is added does not answer', async () => {
    const pair = await builtPair();
    for (const host of both(pair)) host.odd.set('haproxy-stats:8405', statistics);
    answering(pair, () => `0|${OK}1|no||\n`);
    const run = await hurried(() => up(pair, { cluster: ADDED }));
    expect(run.result).toMatchObject({ exit: 5, error: expect.stringContaining('rolled back: lb1 and lb2') });
  });

  it('as it did before the run: the run ends, and says that nothing was rolled back', async () => {
    const pair = await builtPair();
    answering(pair, () => `0|${BAD}`);
    const run = await hurried(() => up(pair, { cluster: EDITED }));
    expect(run.result).toMatchObject({
      exit: 5,
      state: 'down',
      error: expect.stringMatching(
        /^the pair is down after the run: .*; nothing was rolled back: before the run the pair was as unhealthy as it is now$/,
      ),
    });
    expect(edited(pair)).toEqual([true, true]);
  });

  it('on a pair that nobody was served by: the same', async () => {
    const pair = new SimulatedPair(clusterOf());
    for (const host of both(pair)) host.odd.set('through-vip', `0|${BAD}`);
    const run = await hurried(() => up(pair));
    expect(run.result).toMatchObject({
      exit: 5,
      error: expect.stringMatching(
        /; nothing was rolled back: before the run no host held a virtual address: nobody was served$/,
      ),
    });
  });
});

const statistics = `HTTP/1.1 200 OK\r\n\r\n# pxname,svname,status,addr
main,FRONTEND,OPEN,\nmore,FRONTEND,OPEN,\napp,web1,UP,10.0.0.21:80\napp,web2,UP,10.0.0.22:80

rc=0
`;

describe('the only address is replaced, and the change fails', () => {
  it('the hosts go back: they served, by the address that they had', async () => {
    const pair = await builtPair();
    const lb1 = pair.host('lb1');
    lb1.odd.set('gate keepalived-settled', { exitCode: 1, stderr: 'no such luck' });
    pair.asked.length = 0;
    const run = await hurried(() => up(pair, { cluster: REPLACED }));
    expect(run.result).toMatchObject({ exit: 1, error: expect.not.stringContaining('nobody was served') });
    const keepalived = both(pair).map((host) => host.files.get('/etc/keepalived/keepalived.conf')?.content);
    expect(keepalived.map((it) => it?.includes('10.0.0.101'))).toEqual([false, false]);
    expect(pair.asked.some(({ ids }) => ids.includes('arm'))).toBe(true);
  });
});
