/**
 * The test lab from TypeScript: runs and breaks its hosts, and watches them with a client.
 * The lab itself is the script `lab` beside this file; its name comes from LBCTL_LAB.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';

export type LoadBalancerHost = 'el1' | 'el2' | 'deb1' | 'deb2';
export type LabHost = LoadBalancerHost | 'web1' | 'web2' | 'client';
export type Family = 'el' | 'deb';

export interface LabHostInfo {
  name: LabHost;
  address: string;
  address6: string;
  ssh_port: number;
  container: string;
}

export interface LabInfo {
  lab: string;
  subnet: string;
  subnet6: string;
  gateway: string;
  bridge: string;
  /** DOCKER_HOST of the engine; empty where docker finds it by itself. */
  docker_host: string;
  identity_file: string;
  known_hosts_file: string;
  state: string;
  /** Addresses that no host of the lab has. */
  vips: string[];
  vips6: string[];
  hosts: Record<LabHost, LabHostInfo>;
}

export interface ExecResult {
  /** -1 when the command was ended by a signal, 124 when its time limit ended it. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ExecOptions {
  timeoutMs?: number;
  stdin?: string;
}

const script = fileURLToPath(new URL('./lab', import.meta.url));
const clientLoop = new URL('./client-loop.py', import.meta.url);

function collect(child: ChildProcess, stdin?: string): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (data: Buffer) => out.push(data));
    child.stderr?.on('data', (data: Buffer) => err.push(data));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        exitCode: code ?? -1,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      }),
    );
    // A command that ends without reading its input is no error of ours.
    child.stdin?.on('error', () => undefined);
    if (stdin !== undefined) child.stdin?.end(stdin);
  });
}

/** Runs the script `lab`; throws with what it said when it fails. */
async function lab(...args: string[]): Promise<string> {
  const result = await collect(spawn(script, args), '');
  if (result.exitCode !== 0) throw new Error(`lab ${args.join(' ')}: ${result.stderr.trim()}`);
  return result.stdout;
}

let info: Promise<LabInfo> | undefined;

/** What the lab is; read once, as it stays the same until the lab is taken down. */
export function labInfo(): Promise<LabInfo> {
  info ??= lab('info').then((text) => JSON.parse(text) as LabInfo);
  info.catch(() => {
    info = undefined;
  });
  return info;
}

/** The first process of a host, as this machine numbers it; a reboot gives it another one. */
function processOf(socketPath: string, container: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path: `/containers/${container}/json` }, async (response) => {
      let text = '';
      for await (const piece of response) text += piece;
      const pid = response.statusCode === 200 ? JSON.parse(text).State.Pid : 0;
      if (pid > 0) resolve(pid);
      else reject(new Error(`${container} does not run: ${text.trim()}`));
    });
    request.on('error', reject);
  });
}

/**
 * A program on a host as root, without SSH and without network. Where the engine runs on this machine its namespaces are
 * entered directly: `docker exec` takes half a dozen processes, 0.1 s of this machine's time, for each command.
 */
async function inside(host: LabHost, argv: readonly string[]): Promise<ChildProcess> {
  const { docker_host, hosts } = await labInfo();
  const { container } = hosts[host];
  const socket = /^unix:\/\/(\/run\/lbctl-lab\/.*)$/.exec(docker_host)?.[1];
  if (socket === undefined || process.getuid?.() !== 0) {
    const env = docker_host ? { ...process.env, DOCKER_HOST: docker_host } : process.env;
    return spawn('docker', ['exec', '-i', container, ...argv], { env });
  }
  const enter = ['-t', String(await processOf(socket, container)), '-m', '-u', '-i', '-n', '-p', '-C'];
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return spawn('nsenter', [...enter, '--', ...argv], {
    env: { PATH: path, HOME: '/root', container: 'docker' },
  });
}

/** Runs a shell command on a host as root: works without SSH and without network. */
export async function labExec(
  host: LabHost,
  command: string,
  options: ExecOptions = {},
): Promise<ExecResult> {
  const seconds = String((options.timeoutMs ?? 60_000) / 1000);
  // The limit is kept over there: ending what runs here would leave the command running.
  const bounded = ['timeout', '-k', '2', seconds, 'bash', '-c', command];
  // What node calls a pipe is a socket, which nobody can open as /dev/stdin.
  const piped = options.stdin === undefined ? [] : ['sh', '-c', 'cat | "$@"', 'sh'];
  const child = await inside(host, [...piped, ...bounded]);
  return await collect(child, options.stdin ?? '');
}

/** Brings hosts back to bare; the load balancers, all of them, when none is named. */
export async function reset(hosts: readonly LabHost[] = []): Promise<void> {
  await lab('reset', ...hosts);
}

/** Cuts hosts off the network, as a power loss looks to all the others. */
export async function powerOff(...hosts: LabHost[]): Promise<void> {
  await lab('power-off', ...hosts);
}

export async function powerOn(...hosts: LabHost[]): Promise<void> {
  await lab('power-on', ...hosts);
}

/** Reboots hosts, all at once, and waits until they are back. `hard`: without shutting down first. */
export async function reboot(
  hosts: LabHost | readonly LabHost[],
  options: { hard?: boolean } = {},
): Promise<void> {
  await lab('reboot', ...(options.hard ? ['--hard'] : []), ...[hosts].flat());
}

/** The inventory that `lab inventory` prints, changed by `edit` when given, written to `path`. Returns its text. */
export async function writeInventory(
  path: string,
  family: Family = 'el',
  edit: (yaml: string) => string = (yaml) => yaml,
): Promise<string> {
  const yaml = edit(await lab('inventory', family));
  await writeFile(path, yaml);
  return yaml;
}

export interface ClientLoopOptions {
  intervalMs?: number;
  timeoutMs?: number;
  /** The loop ends by itself after this long, if nobody stops it. */
  maxSeconds?: number;
}

export interface ClientLoopReport {
  requests: number;
  failed: number;
  /**
   * The longest time between the completions of two successive successful answers, taken in the order of their starts.
   * An outage that lasts to the end counts from the last success to the end.
   */
  longestGapMs: number;
  /** The slowest successful answer. */
  slowestMs: number;
  durationMs: number;
  /** How late the loop itself was at worst: a figure near this one says more about the test machine. */
  latestStartMs: number;
  /** The 1,000 worst times at which the machine kept the loop from asking in time, the worst first; atMs counts from the start. */
  stalls: { atMs: number; lateMs: number }[];
  /** How often each body was seen, e.g. {"This is Web1": 500, "This is Web2": 500}. */
  answers: Record<string, number>;
  errors: Record<string, number>;
  /** The first 1,000 failures; atMs counts from the start of the loop. */
  failures: { atMs: number; tookMs: number; error: string }[];
}

export interface ClientLoop {
  stop(): Promise<ClientLoopReport>;
}

/** Starts asking `url` from the lab's client, a new connection every 10 ms. Resolves when the first one is under way. */
export async function startClientLoop(url: string, options: ClientLoopOptions = {}): Promise<ClientLoop> {
  const settings = {
    url,
    interval_ms: options.intervalMs ?? 10,
    timeout_ms: options.timeoutMs ?? 1000,
    seconds: options.maxSeconds ?? 180,
  };
  const program = await readFile(clientLoop, 'utf8');
  const child = await inside('client', ['python3', '-c', program, JSON.stringify(settings)]);
  const result = collect(child);
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (data: Buffer) => {
      if (data.includes('started')) resolve();
    });
    result.then(({ stderr }) => reject(new Error(`the client loop did not start: ${stderr}`)), reject);
  });
  return {
    async stop() {
      child.stdin?.end();
      const { exitCode, stdout, stderr } = await result;
      if (exitCode !== 0) throw new Error(`the client loop failed: ${stderr}`);
      return JSON.parse(stdout) as ClientLoopReport;
    },
  };
}
