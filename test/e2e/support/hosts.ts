/** The lab's pair by its names in the inventory, asked and disturbed without lbctl. */
import { type ExecOptions, labExec, labInfo, reset } from '../../lab/lab.js';

export type Lb = 'lb1' | 'lb2';
export const PAIR = ['lb1', 'lb2'] as const satisfies readonly Lb[];
const CONTAINER = { lb1: 'el1', lb2: 'el2' } as const;

/** The lab's name of a host of the inventory. */
export function labHost(host: Lb): 'el1' | 'el2' {
  return CONTAINER[host];
}

/** What a command prints on a host, as root; fails where the command fails. */
export async function on(
  host: Lb | 'client' | 'web1' | 'web2',
  command: string,
  options?: ExecOptions,
): Promise<string> {
  const name = host === 'lb1' || host === 'lb2' ? CONTAINER[host] : host;
  const { exitCode, stdout, stderr } = await labExec(name, command, options);
  if (exitCode !== 0) throw new Error(`${host}: ${command}: exit ${exitCode}: ${stderr}${stdout}`);
  return stdout.trim();
}

export function onBoth(command: string): Promise<string[]> {
  return Promise.all(PAIR.map((host) => on(host, command)));
}

/**
 * Both hosts as they were installed, and nothing left of what an earlier chapter did to the rest: a Debian pair that
 * still held the address would keep ours from starting.
 */
export async function barePair(): Promise<void> {
  await Promise.all([reset(), calm()]);
}

/** The client and the web servers as they should be. */
export async function calm(): Promise<void> {
  const { vips } = await labInfo();
  const drop = vips.map((vip) => `ip addr del ${vip}/24 dev eth0 2>/dev/null`).join('; ');
  await Promise.all([
    on('client', `${drop}; true`),
    on('web1', 'systemctl start nginx'),
    on('web2', 'systemctl start nginx'),
  ]);
}

export async function vip(index = 0): Promise<string> {
  const address = (await labInfo()).vips[index];
  if (address === undefined) throw new Error(`the lab has no address number ${index}`);
  return address;
}

/** Whose `ip addr` shows the address. */
export async function holders(address: string): Promise<Lb[]> {
  const shown = await Promise.all(PAIR.map((host) => on(host, `ip -o addr show to ${address}`)));
  return PAIR.filter((_, index) => shown[index] !== '');
}

/** What the client gets, one request after the other. */
export async function ask(url: string, times = 1): Promise<string[]> {
  const answers = await on('client', `for i in $(seq ${times}); do curl -sS -m 2 ${url}; echo; done`);
  return answers.split('\n').filter((line) => line !== '');
}

/** Everything that something could have changed on a host; compare two with `changesBetween`. */
export type Snapshot = ReadonlyMap<string, string>;

/**
 * Files by inode, times, mode and owner; services by process and start. Left out is what lives by itself: logs, /run,
 * systemd's own state, and what a mere question does to the files of rpm's database.
 */
export async function snapshot(host: Lb): Promise<Snapshot> {
  const text = await on(
    host,
    `echo "packages|$(rpm -qa | sort | sha256sum)"
find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/log \\
  -o -path /var/tmp -o -path /var/cache -o -path /var/lib/systemd -o -path /var/lib/rpm \\) -prune -o -printf 'file %p|%i %T@ %C@ %m %u:%g %s\\n'
for s in haproxy keepalived firewalld; do
  pid=$(systemctl show "$s" -p MainPID --value)
  echo "service $s|$(systemctl show "$s" -p ActiveState,UnitFileState,StateChangeTimestampMonotonic | xargs)"
  [ "$pid" != 0 ] || continue
  for p in "$pid" $(cat "/proc/$pid/task/$pid/children"); do
    sed "s/.*) //" "/proc/$p/stat" | { read -r line; set -- $line; shift 19; echo "process $s $p|$1"; }
  done
done
echo "sysctl|$(cat /proc/sys/net/ipv4/ip_nonlocal_bind)"`,
  );
  return new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('|');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** What differs: empty where nothing was touched. */
export function changesBetween(before: Snapshot, after: Snapshot): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].flatMap((key) => {
    const [was, is] = [before.get(key) ?? 'missing', after.get(key) ?? 'missing'];
    return was === is ? [] : [`${key}: ${was} -> ${is}`];
  });
}

/** The same, with what merely holding the lock leaves behind put aside. */
export function realChanges(before: Snapshot, after: Snapshot): string[] {
  return changesBetween(before, after).filter(
    (it) => !/^file \/var\/lib\/lbctl(\/lock\.(guard|last|step)|\/model\.json)?:/.test(it),
  );
}

export interface Processes {
  readonly main: string;
  readonly children: readonly string[];
  /** Of the main process, in ticks since the boot. */
  readonly started: string;
}

export async function processes(host: Lb, service: 'haproxy' | 'keepalived'): Promise<Processes> {
  const text = await on(
    host,
    `pid=$(systemctl show ${service} -p MainPID --value); echo "$pid"; cat /proc/$pid/task/$pid/children; echo
sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f20`,
  );
  const [main = '', children = '', ...rest] = text.split('\n');
  return { main, children: children.trim().split(' '), started: rest.at(-1) ?? '' };
}
