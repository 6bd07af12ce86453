import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labInfo, reset, startClientLoop } from '../lab/lab.js';
import { bare, heldOn, type Members, run, settled, up, write } from './support/cluster.js';
import { lbctl } from './support/lbctl.js';
import { healthy } from './support/pair.js';

const HOSTS = { lb1: 'deb1', lb2: 'deb2', lb3: 'el1' } as const satisfies Members;

/** Each host's interface in the hands of a manager, by the address that it has. */
async function handOver(): Promise<void> {
  const { hosts, gateway } = await labInfo();
  await Promise.all([
    run(
      'deb1',
      `cat >/etc/systemd/network/10-eth0.network && systemctl enable --now systemd-networkd
i=0; until networkctl list eth0 | grep -q configured; do sleep 0.2; i=$((i + 1)); [ $i -lt 150 ]; done`,
      { stdin: `[Match]\nName=eth0\n[Network]\nAddress=${hosts.deb1.address}/24\nGateway=${gateway}\n` },
    ),
    run(
      'deb2',
      `(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends install ifupdown) >/dev/null &&
cat >/etc/network/interfaces && ip -4 addr flush dev eth0 && systemctl enable networking && systemctl restart networking`,
      {
        stdin: `auto eth0\niface eth0 inet static\n  address ${hosts.deb2.address}/24\n  gateway ${gateway}\n`,
      },
    ),
    run(
      'el1',
      `umask 077; cat >/etc/NetworkManager/system-connections/lab.nmconnection && systemctl enable --now NetworkManager &&
nmcli connection up lab`,
      {
        stdin: `[connection]\nid=lab\ntype=ethernet\ninterface-name=eth0
[ipv4]\nmethod=manual\naddress1=${hosts.el1.address}/24,${gateway}\n[ipv6]\nmethod=link-local\n`,
      },
    ),
  ]);
}

describe('hosts whose network is managed', () => {
  let path: string;
  let address: string;

  beforeAll(async () => {
    await bare();
    address = (await labInfo()).vips[0] ?? '';
    await handOver();
    path = await write(HOSTS);
    await up(path);
  });
  afterAll(() => reset(['deb1', 'deb2', 'el1']));

  it('are built like any others', async () => {
    await heldOn(address, 'lb1', HOSTS);
    await settled(path);
  });

  // A manager that sets an interface up anew takes off all that it has not put there: keepalived gives the address away at once.
  it.each([
    ['lb1', 'systemctl restart systemd-networkd', 'stays'],
    ['lb1', 'networkctl reconfigure eth0', 'leaves'],
    ['lb1', `ip addr del ADDRESS/24 dev eth0`, 'leaves'],
    ['lb2', 'systemctl restart networking', 'leaves'],
    ['lb3', 'systemctl restart NetworkManager', 'stays'],
    ['lb3', 'nmcli connection up lab', 'leaves'],
  ] as const)('on %s, which holds the address: %s: it %s and is not lost', async (host, command, effect) => {
    const moved = await lbctl('switchover', path, '--to', host);
    expect(moved.exit, moved.said).toBe(0);
    await heldOn(address, host, HOSTS);
    const machine = HOSTS[host];
    await run(
      machine,
      `systemd-run -q --collect --unit=watch-address sh -c 'ip -o monitor address >/run/watched'`,
    );
    const loop = await startClientLoop(`http://${address}/`);
    await run(machine, command.replace('ADDRESS', address));
    // Whoever took it over meanwhile gives it back.
    await healthy(path);
    const report = await loop.stop();
    const seen = await run(machine, 'systemctl stop watch-address; cat /run/watched');
    expect(/Deleted.* (\S+)\/24/.test(seen) && seen.includes(address) ? 'leaves' : 'stays').toBe(effect);
    // One lost SYN costs a second.
    expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(2500);
    await heldOn(address, host, HOSTS);
  });
});
