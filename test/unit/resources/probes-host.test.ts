import { describe, expect, it } from 'vitest';
import { fileProbe } from '../../../src/resources/probes/file.js';
import { listenersProbe } from '../../../src/resources/probes/listeners.js';
import { holds, interfaceFor, networkProbe } from '../../../src/resources/probes/network.js';
import { osProbe } from '../../../src/resources/probes/os.js';
import { output, parsed, recorded, refusal } from '../support/facts.js';
import { clusterOf, first, hostOf } from '../support/model.js';

describe('the distribution, by os-release', () => {
  it.each([
    [
      'Rocky',
      'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"',
      'el',
    ],
    [
      'AlmaLinux',
      'ID="almalinux"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="AlmaLinux 9.4 (Seafoam Ocelot)"',
      'el',
    ],
    ['CentOS Stream', 'ID="centos"\nID_LIKE="rhel fedora"\nPRETTY_NAME="CentOS Stream 9"', 'el'],
    ['RHEL', 'ID="rhel"\nID_LIKE="fedora"\nPRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"', 'el'],
    ['Fedora', 'ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40 (Server Edition)"', 'el'],
    ['openEuler', 'ID="openEuler"\nVERSION_ID="22.03"\nPRETTY_NAME="openEuler 22.03 LTS"', 'el'],
    ['Fedora 33, whose keepalived may be 2.0', 'ID=fedora\nVERSION_ID=33', null],
    ['openEuler 20.03, whose keepalived is 2.0', 'ID="openEuler"\nVERSION_ID="20.03 (LTS-SP4)"', null],
    ['openEuler with a service pack', 'ID="openEuler"\nVERSION_ID="22.03 (LTS-SP3)"', 'el'],
    ['Oracle', 'ID="ol"\nID_LIKE="fedora"\nPRETTY_NAME="Oracle Linux Server 9.4"', null],
    ['Amazon', 'ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2023"', null],
    ['a word of JavaScript', 'ID=constructor', null],
    ['Ubuntu', 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian', 'debian'],
    ['a relative of Ubuntu', "ID=linuxmint\nID_LIKE='ubuntu debian'\nPRETTY_NAME='Linux Mint 21'", null],
    ['Alpine', 'ID=alpine\nPRETTY_NAME="Alpine Linux v3.20"', null],
    ['Arch', 'ID=arch\nPRETTY_NAME="Arch Linux"', null],
    ['one without a name', 'ID=gentoo', null],
    ['EL 7, whose keepalived is 1.3', 'ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"', null],
    ['EL 8', 'ID="almalinux"\nVERSION_ID="8.10"', 'el'],
    ['Debian 10, whose keepalived is 2.0', 'ID=debian\nVERSION_ID="10"', null],
    ['Debian 11', 'ID=debian\nVERSION_ID="11"', 'debian'],
    ['Debian testing, which has no number', 'ID=debian\nPRETTY_NAME="Debian GNU/Linux trixie/sid"', 'debian'],
    ['Ubuntu 20.04, whose keepalived is 2.0', 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="20.04"', null],
    ['Ubuntu 22.04', 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"', 'debian'],
  ])('%s', (_, text, family) => {
    expect(parsed(osProbe, `${text}\n`).family).toBe(family);
  });

  it('as recorded', () => {
    expect(parsed(osProbe, recorded('os/debian-12.txt'))).toEqual({
      id: 'debian',
      pretty: 'Debian GNU/Linux 12 (bookworm)',
      family: 'debian',
    });
    expect(parsed(osProbe, recorded('os/lab-el.txt'))).toMatchObject({ id: 'rocky', family: 'el' });
  });

  it.each([
    ['no file', output('', { exitCode: 1, stderr: 'cat: /etc/os-release: No such file' })],
    ['an empty file', output('')],
    ['something else', output('Welcome to this machine\n')],
  ])('is unknown by %s', (_, answer) => {
    expect(refusal(osProbe, answer)).toMatch(/os-release/);
  });
});

describe('the interfaces, by ip -j addr', () => {
  const holder = parsed(networkProbe, recorded('network/holder.txt'));
  const standby = parsed(networkProbe, recorded('network/standby.txt'));

  it('as recorded, on the holder and on the standby', () => {
    expect(holder).toContainEqual({
      name: 'eth0',
      up: true,
      mac: expect.stringMatching(/^02:42(?::[0-9a-f]{2}){4}$/),
      addresses: [
        { address: '10.213.188.11', prefix: 24 },
        { address: '10.213.188.200', prefix: 24 },
        { address: 'fd6c:6263:746c:bc::11', prefix: 64 },
        { address: 'fe80::42:aff:fed5:bc0b', prefix: 64 },
      ],
    });
    expect([holder, standby].map((it) => holds(it, '10.213.188.200'))).toEqual([true, false]);
    // Not by the beginning of its text, as a grep would.
    expect(holds(holder, '10.213.188.20')).toBe(false);
    expect(holds(holder, 'FD6C:6263:746C:BC:0::11')).toBe(true);
  });

  it.each([
    [['UP', 'LOWER_UP'], true],
    [['UP'], false],
    [['LOWER_UP'], false],
    [undefined, false],
  ])('flags %j: up is %s', (flags, up) => {
    expect(parsed(networkProbe, JSON.stringify([{ ifname: 'ens1', flags, addr_info: [] }]))[0]?.up).toBe(up);
  });

  it('an address on lo with a life time only lingers: it is not held', () => {
    const info = [
      { local: '127.0.0.1', prefixlen: 8 },
      { local: '10.0.0.100', prefixlen: 32, dynamic: true, valid_life_time: 2 },
    ];
    const found = parsed(networkProbe, JSON.stringify([{ ifname: 'lo', addr_info: info }]));
    expect(found[0]).toMatchObject({
      addresses: [{ address: '127.0.0.1', prefix: 8 }],
      lingering: ['10.0.0.100'],
    });
    expect(holds(found, '10.0.0.100')).toBe(false);
  });

  it('leaves out the empty entries that some versions print', () => {
    expect(parsed(networkProbe, '[{},{"ifname":"lo"}]')).toEqual([
      { name: 'lo', up: false, mac: null, addresses: [] },
    ]);
  });

  it.each([
    ['a failure', output('', { exitCode: 255, stderr: 'Option "-j" is unknown' })],
    ['nothing', output('')],
    ['half of it', output(recorded('network/holder.txt').slice(0, 300))],
    ['text', output('1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\n')],
    ['an object', output('{}')],
    ['no interface, not even lo', output('[{},{}]')],
  ])('is unknown by %s: nobody is taken for a standby by that', (_, answer) => {
    expect(refusal(networkProbe, answer)).toMatch(/ip -j addr/);
  });

  describe('where an instance runs', () => {
    const eth = (name: string, ...addresses: string[]) => ({
      name,
      up: true,
      mac: null,
      addresses: addresses.map((it) => ({ address: it, prefix: 24 })),
    });
    const cluster = clusterOf();
    const instance = first(cluster.vrrpInstances);
    const host = hostOf(cluster, 'lb1');

    it.each([
      ['the one on the subnet', [eth('lo', '127.0.0.1'), eth('ens3', '10.0.0.11')], 'ens3'],
      [
        "the host's own address before another on the subnet",
        [eth('a', '10.0.0.9'), eth('b', '10.0.0.11')],
        'b',
      ],
      [
        'another one on the subnet, where the address is elsewhere',
        [eth('a', '10.9.9.9'), eth('b', '10.0.0.9')],
        'b',
      ],
      ['none: no interface is on the subnet', [eth('a', '10.0.1.11')], undefined],
      ['none: the virtual address itself proves nothing', [eth('a', '10.0.0.100')], undefined],
    ])('%s', (_, interfaces, expected) => {
      expect(interfaceFor(instance, host, interfaces)).toBe(expected);
    });

    it("the instance's own word counts most, then the host's", () => {
      const found = [eth('ens3', '10.0.0.11')];
      expect(interfaceFor(instance, { ...host, interface: 'bond0' }, found)).toBe('bond0');
      const named = { ...instance, interface: 'vlan7' };
      expect(interfaceFor(named, { ...host, interface: 'bond0' }, found)).toBe('vlan7');
    });
  });
});

describe('what listens, by ss', () => {
  it('as recorded', () => {
    expect(parsed(listenersProbe, recorded('listeners/el.txt'))).toEqual([
      { address: '0.0.0.0', port: 22, programs: ['sshd'] },
      { address: '10.213.188.200', port: 80, programs: ['haproxy'] },
      { address: '127.0.0.11', port: 41_653, programs: [] },
      { address: '127.0.0.1', port: 8405, programs: ['haproxy'] },
      { address: '::', port: 22, programs: ['sshd'] },
    ]);
  });

  it.each([
    ['LISTEN 0 511 *:80 *:* users:(("nginx",pid=2,fd=6),("nginx",pid=1,fd=6))', '*', 80, ['nginx', 'nginx']],
    [
      'LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=9,fd=1))',
      '127.0.0.53',
      53,
      ['systemd-resolve'],
    ],
    ['LISTEN 0 128 [2001:db8::1]:443 [::]:*', '2001:db8::1', 443, []],
  ])('%s', (line, address, port, programs) => {
    expect(parsed(listenersProbe, `${line}\n`)).toEqual([{ address, port, programs }]);
  });

  it('nothing at all', () => {
    expect(parsed(listenersProbe, '')).toEqual([]);
  });

  it.each([
    ['a failure', output('', { exitCode: 127, stderr: 'sh: ss: not found' })],
    [
      'another form',
      output('Active Internet connections (only servers)\ntcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN\n'),
    ],
    ['half a line', output('LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 40')],
  ])('is unknown by %s', (_, answer) => {
    expect(refusal(listenersProbe, answer)).toMatch(/ss -Hltnp/);
  });
});

describe('a file, as recorded', () => {
  const probe = fileProbe('/etc/keepalived/keepalived.conf');
  const text = recorded('file/keepalived-conf.txt');

  it('with its owner, its age and its content', () => {
    const found = parsed(probe, text);
    expect(found).toMatchObject({ kind: 'file', mode: '640', owner: 'root', group: 'root' });
    if (found.kind === 'missing') throw new Error('missing');
    expect(found.age).toBeGreaterThan(0);
    expect(found.content).toMatch(/^# Generated by lbctl[\s\S]*vrrp_instance VI_1 \{[\s\S]*\}\n$/);
  });

  it('missing is what the host says in so many words', () => {
    expect(parsed(probe, 'missing\n')).toEqual({ kind: 'missing' });
  });

  it.each([
    ['a failure', output('', { exitCode: 1, stderr: 'stat: Permission denied' }), /Permission denied/],
    ['a failure without a word', output('', { exitCode: 2 }), /exit code 2/],
    ['a failure after half of the content', output(text.slice(0, 200), { exitCode: 1 }), /cannot be read/],
    ['nothing', output(''), /cut short/],
    ['the first line alone', output(`${text.split('\n')[0]}\n`), /cut short/],
    ['half of the first line', output(`${text.split('\n')[0]}\n`.slice(0, 20)), /cut short/],
    ['a banner', output('Welcome!\nmissing\n'), /cut short/],
  ])('is unknown by %s, never missing', (_, answer, why) => {
    expect(refusal(probe, answer)).toMatch(why);
  });
});
