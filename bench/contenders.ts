import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { content, floorCommand, floorScript, LINE, type Variant } from './floor.js';
import { type BenchHost, type HostFile, knownHosts, type Lab } from './hosts.js';

export type ContenderName = 'floor' | 'lbctl' | 'ansible' | 'mitogen';

export interface Fleet {
  readonly hosts: readonly BenchHost[];
  readonly vips: Readonly<Record<string, string>>;
  /** Another one for each fleet: they hear each other. */
  readonly firstRouterId: number;
}

export interface Contender {
  readonly name: ContenderName;
  readonly env: NodeJS.ProcessEnv;
  command(variant: Variant): string[];
}

interface Setup {
  readonly root: string;
  readonly work: string;
  readonly lab: Lab;
  readonly fleet: Fleet;
  /** Folder below `work` for this set of endpoints, for example `pair-far`. */
  readonly label: string;
  /** The port to connect to, by the host's own: that of a proxy, or the same. */
  readonly port: (host: BenchHost) => number;
}

export interface InventoryHost {
  readonly name: string;
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
}

/** `backends` is the network of the two web servers: `10.213.7.` */
export function inventoryYaml(options: {
  readonly identityFile: string;
  readonly knownHostsFile: string;
  readonly hosts: readonly InventoryHost[];
  readonly vip: (cluster: string) => string;
  readonly backends: (cluster: string) => string;
  readonly line: string;
  /** By place of the cluster in the inventory. */
  readonly routerId: (index: number) => number;
}): string {
  const clusters = [...new Set(options.hosts.map((host) => host.cluster))];
  const blocks = clusters.map((cluster, index) => {
    const own = options.hosts.filter((host) => host.cluster === cluster);
    const net = options.backends(cluster);
    return `  ${cluster}:
    hosts:
${own.map((it) => `      ${it.name}: { address: ${it.address}, ssh: { hostname: 127.0.0.1, port: ${it.port} } }`).join('\n')}
    vrrp_instances:
      VI_1: { virtual_router_id: ${options.routerId(index)}, virtual_ipaddress: [${options.vip(cluster)}/24] }
    haproxy:
      frontends: { main: { bind: [80], default_backend: app } }
      backends:
        app: { lines: ["${options.line}"], servers: { web1: "${net}31:80", web2: "${net}32:80" } }`;
  });
  const ssh = `  user: root\n  identity_file: ${options.identityFile}\n  known_hosts_file: ${options.knownHostsFile}`;
  return `ssh:\n${ssh}\nclusters:\n${blocks.join('\n')}\n`;
}

export function lbctlContender(work: string, inventory: (variant: Variant) => string): Contender {
  const { PATH = '', HOME = '' } = process.env;
  const main = join(work, 'lbctl/dist/main.js');
  return {
    name: 'lbctl',
    env: { PATH, HOME },
    command: (variant) => [process.execPath, main, 'up', inventory(variant)],
  };
}

/** Writes what lbctl needs; the others need the files that it makes first. */
export async function prepareLbctl({ work, lab, fleet, label, port }: Setup): Promise<Contender> {
  const dir = join(work, label);
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, 'known_hosts'),
    await knownHosts(
      lab,
      fleet.hosts.map((it) => ({ port: port(it), keyOf: it.keyOf })),
    ),
  );
  for (const variant of ['a', 'b'] as const) {
    const yaml = inventoryYaml({
      identityFile: lab.identityFile,
      knownHostsFile: join(dir, 'known_hosts'),
      hosts: fleet.hosts.map((host) => ({ ...host, port: port(host) })),
      vip: (cluster) => fleet.vips[cluster] ?? '',
      backends: () => lab.prefix,
      line: LINE[variant],
      routerId: (index) => fleet.firstRouterId + index,
    });
    await writeFile(join(dir, `inventory-${variant}.yaml`), yaml);
  }
  return lbctlContender(work, (variant) => join(dir, `inventory-${variant}.yaml`));
}

export async function prepareFloor(
  setup: Setup,
  files: ReadonlyMap<string, readonly HostFile[]>,
): Promise<Contender> {
  const dir = join(setup.work, setup.label);
  const options = [
    ...['-F', 'none', '-i', setup.lab.identityFile, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
    ...['-o', `UserKnownHostsFile=${join(dir, 'known_hosts')}`, '-o', 'GlobalKnownHostsFile=none'],
  ];
  for (const variant of ['a', 'b'] as const) {
    const hosts = [];
    for (const host of setup.fleet.hosts) {
      const script = join(dir, `floor-${host.name}-${variant}.sh`);
      const vip = setup.fleet.vips[host.cluster] ?? '';
      await writeFile(script, await floorScript(setup.root, vip, files.get(host.name) ?? [], variant));
      hosts.push({ endpoint: { port: setup.port(host) }, script });
    }
    await writeFile(join(dir, `floor-${variant}.sh`), floorCommand(hosts, options));
  }
  return {
    name: 'floor',
    env: process.env,
    command: (variant) => ['bash', join(dir, `floor-${variant}.sh`)],
  };
}

export async function prepareAnsible(
  setup: Setup,
  files: ReadonlyMap<string, readonly HostFile[]>,
  strategy: 'ansible' | 'mitogen',
): Promise<Contender> {
  const dir = join(setup.work, setup.label);
  const rows = setup.fleet.hosts.map(
    (host) =>
      `${host.name} ansible_host=127.0.0.1 ansible_port=${setup.port(host)} vip=${setup.fleet.vips[host.cluster]}`,
  );
  const all = `[all:vars]\nansible_user=root\nansible_ssh_private_key_file=${setup.lab.identityFile}\nansible_python_interpreter=/usr/bin/python3\n`;
  await writeFile(join(dir, 'hosts.ini'), `${rows.join('\n')}\n${all}`);
  for (const variant of ['a', 'b'] as const) {
    for (const [host, own] of files) {
      for (const file of own) {
        // The two drop-ins have the same name.
        const name = file.path.includes('.service.d/')
          ? join(basename(dirname(file.path)), basename(file.path))
          : basename(file.path);
        const path = join(dir, `files-${variant}`, host, name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content(file, variant));
      }
    }
  }
  const common = `-o IdentitiesOnly=yes -o UserKnownHostsFile=${join(dir, 'known_hosts')} -o GlobalKnownHostsFile=none`;
  return {
    name: strategy,
    env: {
      ...process.env,
      ANSIBLE_CONFIG: join(
        setup.root,
        'bench/ansible',
        strategy === 'mitogen' ? 'mitogen.cfg' : 'ansible.cfg',
      ),
      ANSIBLE_SSH_ARGS: `-F none -o ControlMaster=auto -o ControlPersist=60s ${common}`,
      ANSIBLE_FORKS: String(Math.max(5, setup.fleet.hosts.length)),
      ANSIBLE_HOME: join(setup.work, 'ansible'),
      ANSIBLE_LOCAL_TEMP: join(setup.work, 'ansible/tmp'),
    },
    command: (variant) => [
      ...['ansible-playbook', '-i', join(dir, 'hosts.ini'), join(setup.root, 'bench/ansible/site.yaml')],
      ...['-e', `files=${join(dir, `files-${variant}`)}`],
    ],
  };
}
