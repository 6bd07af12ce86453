/** Clusters of any of the lab's load balancers, for chapters that need others than the EL pair. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import {
  type ClientLoopReport,
  type ExecOptions,
  type LabHost,
  type LoadBalancerHost,
  labExec,
  labInfo,
  reset,
  startClientLoop,
} from '../../lab/lab.js';
import { calm } from './hosts.js';
import { lbctl, type Run } from './lbctl.js';
import { labUp, workFolder } from './pair.js';
import { until } from './until.js';

type Fields = Record<string, unknown>;

export interface HostEntry {
  address: string;
  interface?: string;
  ssh: Fields;
}

export interface Web {
  hosts: Record<string, HostEntry>;
  system?: Fields;
  vrrp_instances: Record<string, Fields & { virtual_ipaddress: string[] }>;
  check?: Fields;
  haproxy: Fields;
  verify?: Fields;
}

/** Names of an inventory and the machines of the lab behind them. */
export type Members = Readonly<Record<string, LoadBalancerHost>>;

export const EL: Members = { lb1: 'el1', lb2: 'el2' };
export const DEB: Members = { lb1: 'deb1', lb2: 'deb2' };

/** Every load balancer as it was installed: nobody else shall hold an address. The client and the web servers as they should be. */
export async function bare(): Promise<void> {
  await labUp();
  await Promise.all([reset(), calm()]);
}

/** What a command prints on a machine, as root; fails where the command fails. */
export async function run(host: LabHost, command: string, options?: ExecOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await labExec(host, command, options);
  if (exitCode !== 0) throw new Error(`${host}: ${command}: exit ${exitCode}: ${stderr}${stdout}`);
  return stdout.trim();
}

/** An inventory with one HTTP frontend on the first of the lab's addresses, changed by `edit`; returns its path. */
export async function write(
  members: Members,
  edit: (web: Web) => void = () => undefined,
  folder?: string,
): Promise<string> {
  const { hosts, vips, identity_file, known_hosts_file } = await labInfo();
  const web: Web = {
    hosts: Object.fromEntries(
      Object.entries(members).map(([name, machine]) => {
        const { address, ssh_port } = hosts[machine];
        return [name, { address, ssh: { hostname: '127.0.0.1', port: ssh_port } }];
      }),
    ),
    vrrp_instances: { VI_1: { virtual_router_id: 51, virtual_ipaddress: [`${vips[0]}/24`] } },
    haproxy: {
      frontends: { main: { bind: [80], default_backend: 'app' } },
      backends: {
        app: { servers: { web1: `${hosts.web1.address}:80`, web2: `${hosts.web2.address}:80` } },
      },
    },
  };
  edit(web);
  const path = join(folder ?? (await workFolder()), 'inventory.yaml');
  const ssh = { user: 'root', identity_file, known_hosts_file };
  await writeFile(path, stringify({ ssh, clusters: { web } }));
  return path;
}

/** The first instance of an inventory. */
export function first(web: Web): Fields & { virtual_ipaddress: string[] } {
  const instance = web.vrrp_instances.VI_1;
  if (instance === undefined) throw new Error('no VI_1');
  return instance;
}

/** Fails where `up` does not end well. */
export async function up(path: string, ...flags: string[]): Promise<Run> {
  const done = await lbctl('up', path, ...flags);
  expect(done.exit, done.said).toBe(0);
  return done;
}

/** `plan` finds nothing to do, and `up` does nothing. */
export async function settled(path: string): Promise<void> {
  const plan = await lbctl('plan', path);
  expect(plan.exit, plan.said).toBe(0);
  const again = await up(path);
  expect(again.stderr).toContain('no changes');
}

/** Which machines' `ip addr` shows the address. */
export async function holding(address: string, members: Members): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(members).map(async ([name, machine]) =>
      (await run(machine, `ip -o addr show to ${address}`)) === '' ? [] : [name],
    ),
  );
  return found.flat();
}

/** Waits until the address is on that host alone; null: on none. */
export async function heldOn(
  address: string,
  host: string | null,
  members: Members,
  seconds = 15,
): Promise<void> {
  let found: string[] = [];
  await until(
    `${address} on ${host ?? 'no host'}`,
    async () => {
      found = await holding(address, members);
      if (found.join() !== (host ?? '')) throw new Error(`it is on ${found.join(' and ') || 'none'}`);
      return true;
    },
    seconds,
  );
}

export interface Failover {
  readonly address: string;
  readonly members: Members;
  readonly from: string;
  readonly to: string;
  /** Who holds it once `from` is back. */
  readonly back: string;
  /** The longest time without an answer that the client may have met, in milliseconds. */
  readonly gapMs: number;
}

/** Stops keepalived on the active host under the client's eyes, waits for the other, and starts it again. */
export async function failover(it: Failover): Promise<ClientLoopReport> {
  const { address, members, from, to, back } = it;
  const machine = members[from];
  if (machine === undefined) throw new Error(`no host ${from}`);
  await heldOn(address, from, members);
  const loop = await startClientLoop(`http://${address.includes(':') ? `[${address}]` : address}/`);
  try {
    await run(machine, 'systemctl stop keepalived');
    await heldOn(address, to, members);
  } finally {
    await run(machine, 'systemctl start keepalived');
  }
  await heldOn(address, back, members, 20);
  // It hears its peer and answers: a few more requests after the last move.
  await until('answers through the address', async () =>
    (await get(`http://${address.includes(':') ? `[${address}]` : address}/`)).includes('This is Web')
      ? true
      : undefined,
  );
  const report = await loop.stop();
  expect(report.longestGapMs, JSON.stringify(report.errors)).toBeLessThan(it.gapMs);
  expect(report.requests - report.failed).toBeGreaterThan(20);
  return report;
}

/** What the client gets; `options` are curl's. */
export function get(url: string, options = ''): Promise<string> {
  return run('client', `curl -gsS -m 3 ${options} '${url}'`);
}

/** Milliseconds around a failure in which a stall of the machine may have caused it. */
const NEAR = 1000;

/** Milliseconds for which a client is kept waiting on a quiet machine as well, and between two of its requests. */
const QUIET = 20;
const INTERVAL = 10;

/**
 * Two requests for the move of the address. Where the machine let the client wait, it let the hosts wait as well: whoever
 * hands over is then late by about as much, and what comes in meanwhile is lost, a request each 10 ms. What it did at other
 * times is no excuse.
 */
export function lostAtMost({ failures, stalls }: ClientLoopReport): number {
  const near = stalls.filter(({ atMs }) => failures.some((it) => Math.abs(it.atMs - atMs) < NEAR));
  return 2 + Math.floor(Math.max(0, ...near.map(({ lateMs }) => lateMs - QUIET)) / INTERVAL);
}

/**
 * HAProxy of lb1, which holds the address, hands it to lb2 when it stops, and takes it back. Without the hooks of systemd, or with
 * a keepalived that does not watch what they write, a client would lose everything until the check has failed twice.
 */
export async function handsOver(address: string, members: Members): Promise<void> {
  const machine = members.lb1;
  if (machine === undefined) throw new Error('no lb1');
  await heldOn(address, 'lb1', members, 30);
  const loop = await startClientLoop(`http://${address}/`);
  try {
    await run(machine, 'systemctl stop haproxy');
    await heldOn(address, 'lb2', members);
  } finally {
    await run(machine, 'systemctl start haproxy');
  }
  await heldOn(address, 'lb1', members, 20);
  const report = await loop.stop();
  expect(report.requests - report.failed).toBeGreaterThan(20);
  // There and back.
  expect(report.failed, JSON.stringify(report)).toBeLessThanOrEqual(2 * lostAtMost(report));
}
