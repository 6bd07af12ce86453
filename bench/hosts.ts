import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

/** Where a host's SSH is reached. */
export interface Endpoint {
  readonly port: number;
}

export interface BenchHost {
  /** In the inventory, for example `lb1` */
  readonly name: string;
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
  readonly container: string;
  /** The lab's host whose host key it has. */
  readonly keyOf: string;
}

export interface HostFile {
  readonly path: string;
  readonly mode: string;
  /** `root:haproxy` */
  readonly owner: string;
  readonly content: string;
}

export interface Lab {
  readonly network: string;
  /** `10.213.7.` */
  readonly prefix: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
  readonly state: string;
  /** Container of the host that asks. */
  readonly client: string;
  readonly env: NodeJS.ProcessEnv;
}

const execute = promisify(execFile);

export async function openLab(root: string): Promise<{ lab: Lab; pair: BenchHost[]; vip: string }> {
  const { stdout } = await execute(join(root, 'test/lab/lab'), ['info']);
  const info = JSON.parse(stdout);
  const lab: Lab = {
    network: `${info.lab}_lab`,
    prefix: info.subnet.replace(/0\/24$/, ''),
    identityFile: info.identity_file,
    knownHostsFile: info.known_hosts_file,
    state: info.state,
    client: info.hosts.client.container,
    env: info.docker_host === '' ? process.env : { ...process.env, DOCKER_HOST: info.docker_host },
  };
  const pair = (['el1', 'el2'] as const).map((it, index) => ({
    name: `lb${index + 1}`,
    cluster: 'web',
    address: info.hosts[it].address,
    port: info.hosts[it].ssh_port,
    container: info.hosts[it].container,
    keyOf: it,
  }));
  return { lab, pair, vip: info.vips[0] };
}

export async function docker(lab: Lab, ...args: string[]): Promise<string> {
  return (await execute('docker', args, { env: lab.env, maxBuffer: 2 ** 24 })).stdout;
}

export async function resetPair(root: string): Promise<void> {
  await execute(join(root, 'test/lab/lab'), ['reset', 'el1', 'el2']);
}

/** More hosts like el1 on the lab's network; `lab down` removes them with the rest, by their label. */
export async function startMany(lab: Lab, like: string, pairs: number): Promise<BenchHost[]> {
  const [found] = JSON.parse(await docker(lab, 'inspect', like));
  const { HostConfig: host, Config: config } = found;
  const hosts: BenchHost[] = [];
  for (let n = 0; n < pairs * 2; n++) {
    const container = `${config.Labels['lbctl.lab']}-many${n + 1}`;
    const address = `${lab.prefix}${51 + n}`;
    await docker(
      lab,
      ...[
        'run',
        '-d',
        '--name',
        container,
        '--hostname',
        `many${n + 1}`,
        '--label',
        `lbctl.lab=${config.Labels['lbctl.lab']}`,
      ],
      ...[
        '--network',
        lab.network,
        '--ip',
        address,
        '-p',
        '127.0.0.1::22',
        '--stop-signal',
        'SIGRTMIN+3',
        '-e',
        'container=docker',
      ],
      ...['--tmpfs', '/run:exec,mode=755', '--tmpfs', '/tmp:exec,mode=1777'],
      ...(host.CgroupnsMode ? ['--cgroupns', host.CgroupnsMode] : []),
      ...host.CapAdd.flatMap((it: string) => ['--cap-add', it.replace(/^CAP_/, '')]),
      ...host.SecurityOpt.flatMap((it: string) => ['--security-opt', it]),
      ...host.Binds.flatMap((it: string) => ['-v', it]),
      config.Image,
    );
    const port = Number(/:(\d+)\s*$/m.exec(await docker(lab, 'port', container, '22'))?.[1]);
    hosts.push({
      name: `lb${n + 1}`,
      cluster: `web${Math.floor(n / 2) + 1}`,
      address,
      port,
      container,
      keyOf: 'el1',
    });
  }
  for (const host of hosts) await ready(lab, host.container);
  return hosts;
}

export async function stopMany(lab: Lab, hosts: readonly BenchHost[]): Promise<void> {
  await docker(lab, 'rm', '-fv', ...hosts.map((host) => host.container));
}

async function ready(lab: Lab, container: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const state = await docker(lab, 'exec', container, 'systemctl', 'is-system-running').catch((error) =>
      String(error.stdout),
    );
    if (/^(running|degraded)/.test(state)) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error(`${container} did not start`);
}

const MANAGED = [
  '/etc/sysctl.d/90-lbctl.conf',
  '/etc/systemd/system/haproxy.service.d/lbctl.conf',
  '/etc/systemd/system/keepalived.service.d/lbctl.conf',
  '/etc/haproxy/haproxy.cfg',
  '/usr/libexec/keepalived/lbctl-check-haproxy',
  '/etc/keepalived/keepalived.conf',
];

/** What lbctl made of a host: the other contenders bring about exactly the same files. */
export async function managedFiles(lab: Lab, host: BenchHost): Promise<HostFile[]> {
  const script = 'for p; do stat -c "%a %U:%G" "$p"; base64 -w0 "$p"; echo; done';
  const output = await docker(lab, 'exec', host.container, 'sh', '-c', script, 'sh', ...MANAGED);
  const lines = output.split('\n');
  return MANAGED.map((path, index) => {
    const [mode = '', owner = ''] = (lines[index * 2] ?? '').split(' ');
    return { path, mode, owner, content: Buffer.from(lines[index * 2 + 1] ?? '', 'base64').toString('utf8') };
  });
}

/** known_hosts for hosts that are reached at other ports than the lab's own. */
export async function knownHosts(
  lab: Lab,
  hosts: readonly { readonly port: number; readonly keyOf: string }[],
): Promise<string> {
  const lines = await Promise.all(
    hosts.map(async ({ port, keyOf }) => {
      const key = await readFile(join(lab.state, `hosts/${keyOf}/ssh_host_ed25519_key.pub`), 'utf8');
      return `[127.0.0.1]:${port} ${key.split(' ').slice(0, 2).join(' ').trim()}\n`;
    }),
  );
  return lines.join('');
}

export interface ClientReport {
  readonly failed: number;
  readonly longestGapMs: number;
}

/** Opens a new connection to `url` every 10 ms, from the lab's client, until it is told to stop. */
export async function startClient(root: string, lab: Lab, url: string): Promise<() => Promise<ClientReport>> {
  const program = await readFile(join(root, 'test/lab/client-loop.py'), 'utf8');
  const child = spawn(
    'docker',
    ['exec', '-i', lab.client, 'python3', '-c', program, JSON.stringify({ url })],
    {
      env: lab.env,
    },
  );
  const output = text(child.stdout);
  await new Promise((resolve, reject) => {
    child.stderr.once('data', resolve);
    child.once('close', () => reject(new Error('the client did not start')));
  });
  return async () => {
    child.stdin.end();
    return JSON.parse(await output);
  };
}
