import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labInfo, reset } from '../lab/lab.js';
import { bare, type Members, run, up, write } from './support/cluster.js';
import { eventsOf, lbctl, type Run, start, summaryOf } from './support/lbctl.js';
import { agingLock, leftByKilled, leftOn } from './support/left.js';
import { healthy } from './support/pair.js';
import { until } from './support/until.js';

interface Fault {
  fault: string;
  host: string;
  method: string | null;
  takeover_ms: number | null;
  longest_gap_ms: number;
  slowest_ms: number;
  requests: number;
  failed: number;
  restored: boolean;
  rate: number;
  repetition: number;
  return: { failed: number } | null;
}

/** apt hosts without nft and a dnf host with it. */
const THREE: Members = { lb1: 'deb1', lb2: 'deb2', lb3: 'el2' };
const MACHINES = Object.values(THREE);

const faultsOf = (run: Run) => (summaryOf(run) as unknown as { faults: Fault[] }).faults;

describe('lbctl drill on three hosts of two distributions, IPv4 and IPv6, adverts every 0.1 s', () => {
  let path: string;
  let before: string[];
  let routes: string[];

  /** What belongs to the hosts themselves: neither virtual nor link-local. */
  async function addresses(): Promise<string[]> {
    const { vips, vips6 } = await labInfo();
    const own = (text: string) =>
      text
        .split('\n')
        .filter((it) => it !== '' && ![...vips, ...vips6].some((vip) => it.startsWith(`${vip}/`)))
        .sort();
    const said = MACHINES.map((it) => run(it, "ip -o addr show scope global | awk '{print $4}'"));
    return (await Promise.all(said)).map((text) => own(text).join(' '));
  }

  /** Of both families; the kernel's own and those that were set. */
  async function routesOf(): Promise<string[]> {
    const show = "{ ip -4 route show; ip -6 route show; } | sed 's/ expires [0-9]*sec//; s/ *$//' | sort";
    return Promise.all(MACHINES.map((it) => run(it, show)));
  }

  beforeAll(async () => {
    await bare();
    const { hosts, vips6 } = await labInfo();
    path = await write(THREE, (web) => {
      for (const instance of Object.values(web.vrrp_instances)) instance.advert_int = 0.1;
      web.vrrp_instances.VI_6 = {
        virtual_router_id: 61,
        advert_int: 0.1,
        virtual_ipaddress: [`${vips6[0]}/64`],
      };
      Object.assign(web, { drill: { from: `root@127.0.0.1:${hosts.client.ssh_port}` } });
    });
    await up(path);
    before = await addresses();
    routes = await routesOf();
    for (const it of routes) expect(it).toContain('default via');
  });
  afterAll(() => reset(['deb1', 'deb2', 'el2']));

  const asBefore = async () => {
    const { problems } = await healthy(path);
    expect(problems).toEqual([]);
    expect(await addresses()).toEqual(before);
    expect(await routesOf()).toEqual(routes);
  };

  it('every fault: made, survived, restored; host addresses and settings are as before', async () => {
    const drill = await lbctl('drill', path, '--yes', '--json');
    expect(drill.exit, drill.said).toBe(0);
    const found = faultsOf(drill);
    expect(found.map(({ fault, host, restored }) => [fault, host, restored])).toEqual(
      [
        'keepalived-stop',
        'haproxy-stop',
        'haproxy-restart',
        'haproxy-kill',
        'haproxy-hang',
        'keepalived-kill',
        'network-cut',
      ].map((fault) => [fault, 'lb1', true]),
    );
    for (const it of found) {
      expect(it.slowest_ms, it.fault).toBeGreaterThan(0);
      expect(it.return, it.fault).not.toBeNull();
    }
    // With default adverts a cut takes three seconds: a machine ten times slower is still quicker than that here.
    const cut = found.at(-1);
    expect(cut?.method).toBe('link');
    expect(cut?.takeover_ms).toBeLessThan(2500);
    await asBefore();
    expect(await leftOn(MACHINES)).toEqual(['', '', '']);
  });

  it('--host --repeat --rate: a standby that is broken costs nothing', async () => {
    const flags = ['--fault', 'keepalived-stop', '--host', 'lb2', '--repeat', '2', '--rate', '20', '--json'];
    const drill = await lbctl('drill', path, '--yes', ...flags);
    expect(drill.exit, drill.said).toBe(0);
    const found = faultsOf(drill);
    expect(found.map(({ host, repetition, failed }) => [host, repetition, failed])).toEqual([
      ['lb2', 1, 0],
      ['lb2', 2, 0],
    ]);
    for (const it of found) expect(it.rate).toBeLessThan(30);
  });

  it('Ctrl-C during a fault: undone, healthy again, nothing left, exit 130', async () => {
    const running = start('drill', path, '--yes', '--json', '--fault', 'haproxy-hang,network-cut');
    await running.saw(/"fault":"haproxy-hang".*"state":"made"/);
    running.child.kill('SIGINT');
    const ended = await running.ended;
    expect(ended.exit, ended.said).toBe(130);
    const states = eventsOf(ended).flatMap(({ event, fault, state }) =>
      event === 'fault' ? [`${fault} ${state}`] : [],
    );
    expect(states).toContain('haproxy-hang restored');
    expect(states.join()).not.toContain('network-cut');
    await asBefore();
    expect(await leftOn(MACHINES)).toEqual(['', '', '']);
  });

  it('lbctl is killed while a host is cut off: it is back on the network by itself, and nothing is left', async () => {
    const running = start('drill', path, '--yes', '--json', '--fault', 'network-cut', '--host', 'lb3');
    await running.saw(/"fault":"network-cut".*"state":"made"/);
    running.child.kill('SIGKILL');
    await running.ended;
    expect((await leftOn(['el2'])).join()).toContain('lbctl_drill');
    await until(
      'nothing is left',
      async () => ((await leftByKilled(MACHINES)).join('') === '' ? true : undefined),
      60,
    );
    await asBefore();
    // Nor when its lock, which nobody released, has expired.
    await Promise.all(MACHINES.map((it) => run(it, agingLock(61))));
    await asBefore();
  });
});
