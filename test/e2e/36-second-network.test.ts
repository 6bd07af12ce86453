import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LabHost, labInfo } from '../lab/lab.js';
import { bare, EL, failover, first, heldOn, run, settled, up, write } from './support/cluster.js';
import { lbctl } from './support/lbctl.js';
import { status } from './support/pair.js';

/** On the second network; the last number is that of the host on the first. */
const ATTACHED = ['el1', 'el2', 'client'] as const satisfies readonly LabHost[];

async function docker(...args: string[]): Promise<string> {
  const { docker_host } = await labInfo();
  const env = docker_host === '' ? process.env : { ...process.env, DOCKER_HOST: docker_host };
  return new Promise((resolve, reject) => {
    const child = spawn('docker', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(said) : reject(new Error(`docker ${args}: ${said}`))));
  });
}

describe('virtual addresses on another network than SSH', () => {
  let network: string;
  let prefix: string;
  let address: string;
  const own: Record<string, string> = {};

  const remove = async () => {
    const { hosts } = await labInfo();
    for (const host of ATTACHED) {
      await docker('network', 'disconnect', '-f', network, hosts[host].container).catch(() => undefined);
    }
    await docker('network', 'rm', network).catch(() => undefined);
  };

  beforeAll(async () => {
    await bare();
    const { lab, subnet, hosts } = await labInfo();
    network = `${lab}-second`;
    prefix = subnet.replace(/^10\.213\.(\d+)\..*/, '10.214.$1');
    address = `${prefix}.200`;
    await remove();
    // No gateway of its own: nothing of it leaves the machine.
    await docker('network', 'create', '--subnet', `${prefix}.0/24`, network);
    for (const host of ATTACHED) {
      own[host] = `${prefix}.${hosts[host].address.split('.').at(-1)}`;
      await docker('network', 'connect', '--ip', own[host], network, hosts[host].container);
    }
  });
  afterAll(remove);

  const interfaceOf = (host: LabHost) => run(host, `ip -o -4 addr show to ${own[host]} | awk '{print $2}'`);

  it('the hosts have it on an interface that does not carry SSH', async () => {
    for (const host of ['el1', 'el2'] as const) expect(await interfaceOf(host)).toBe('eth1');
  });

  it('it is found by the subnet of the address', async () => {
    const path = await write(EL, (web) => {
      for (const [name, host] of Object.entries(web.hosts)) host.address = own[EL[name] ?? ''] ?? '';
      first(web).virtual_ipaddress = [`${address}/24`];
    });
    await up(path);
    for (const host of ['el1', 'el2'] as const) {
      expect(await run(host, 'grep -E "^ +interface" /etc/keepalived/keepalived.conf')).toBe(
        'interface eth1',
      );
    }
    expect(await run('el1', `ip -o addr show to ${address} | awk '{print $2}'`)).toBe('eth1');
    await failover({ address, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
    await settled(path);
  });

  it('it is named, and one address is on each network', async () => {
    const { vips } = await labInfo();
    const outer = vips[0] ?? '';
    const path = await write(EL, (web) => {
      web.vrrp_instances = {
        VI_1: { interface: 'eth1', virtual_router_id: 51, virtual_ipaddress: [`${address}/24`] },
        VI_2: { virtual_router_id: 52, virtual_ipaddress: [`${outer}/24`] },
      };
    });
    await up(path);
    await settled(path);
    expect(await status(path)).toMatchObject({ exit: 0, state: 'healthy' });
    await heldOn(outer, 'lb1', EL);
    await failover({ address, members: EL, from: 'lb1', to: 'lb2', back: 'lb1', gapMs: 500 });
    await heldOn(outer, 'lb1', EL);
  });

  it('one that is not there is refused by name, and nothing is touched', async () => {
    const path = await write(EL, (web) => {
      first(web).interface = 'eth7';
    });
    const before = await run(
      'el1',
      'systemctl show keepalived -p MainPID; cat /etc/keepalived/keepalived.conf',
    );
    const refused = await lbctl('up', path);
    expect(refused.exit, refused.said).toBe(1);
    expect(refused.said).toMatch(/interface eth7 of VI_1 does not exist on this host/);
    expect(refused.said).toMatch(/the host has lo, eth0, eth1/);
    expect(
      await run('el1', 'systemctl show keepalived -p MainPID; cat /etc/keepalived/keepalived.conf'),
    ).toBe(before);
  });
});
