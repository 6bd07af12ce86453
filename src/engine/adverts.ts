import { randomUUID } from 'node:crypto';
import type { Diagnostic } from '../base/diagnostic.js';
import type { Cluster, VrrpInstance } from '../inventory/model.js';
import { interfaceFor, networkProbe } from '../resources/probes/network.js';
import type { Facts } from '../resources/types.js';
import { type Session, TransportError } from '../transport/types.js';
import {
  endRehearsalScript,
  type Path,
  parseTold,
  rehearsalConfig,
  rehearsalScript,
} from './adverts-script.js';

/** Milliseconds without news after which all is as it stays: a listener that hears nothing speaks up after 400. */
const SETTLED = 700;
/** The same before a refusal: a host that is slow for a moment must not be accused. */
const ACCUSED = 2500;
/** Milliseconds after which a rehearsal that never settles is given up. */
const GIVEN_UP = 7000;
const LOOK = 50;

/** Remembers who was in which state, and judges. */
export class Rehearsal {
  private readonly states = new Map<string, 'MASTER' | 'BACKUP'>();

  constructor(
    private readonly paths: number,
    private readonly hosts: readonly string[],
  ) {}

  /** True where the line was news. */
  heard(host: string, line: string): boolean {
    const told = parseTold(line);
    if (told === null) return false;
    this.states.set(`${told.path} ${told.speaker} ${host}`, told.state);
    return true;
  }

  /** Pairs of which the listener took over although the speaker spoke; null while a speaker does not speak or a host is silent. */
  deaf(): { readonly path: number; readonly speaker: string; readonly listener: string }[] | null {
    const found = [];
    for (let path = 0; path < this.paths; path++) {
      for (const [index, speaker] of this.hosts.entries()) {
        for (const listener of this.hosts) {
          const state = this.states.get(`${path} ${index} ${listener}`);
          if (state === undefined || (listener === speaker && state !== 'MASTER')) return null;
          if (listener !== speaker && state === 'MASTER') found.push({ path, speaker, listener });
        }
      }
    }
    return found;
  }
}

/** The ways of a cluster's adverts: what differs in interfaces, family or mode is tried apart. */
export function advertPaths(cluster: Cluster, facts: ReadonlyMap<string, Facts>): Path[] {
  const taken = new Set(cluster.vrrpInstances.map((it) => it.virtualRouterId));
  const free = Array.from({ length: 255 }, (_, index) => 255 - index).filter((it) => !taken.has(it));
  const found = new Map<string, Path>();
  for (const instance of cluster.vrrpInstances) {
    const devices = devicesOf(cluster, instance, facts);
    const family = instance.virtualIpaddress[0]?.family;
    if (devices === null || family === undefined) continue;
    const key = JSON.stringify([devices, family, instance.unicast]);
    if (found.has(key) || free.length < cluster.hosts.length) continue;
    const ids = cluster.hosts.map((host) => [host.name, free.shift() ?? 0] as const);
    const virtualRouterIds = Object.fromEntries(ids);
    found.set(key, { devices, family, unicast: instance.unicast, virtualRouterIds });
  }
  return [...found.values()];
}

function devicesOf(
  cluster: Cluster,
  instance: VrrpInstance,
  facts: ReadonlyMap<string, Facts>,
): Record<string, string> | null {
  const devices: Record<string, string> = {};
  for (const host of cluster.hosts) {
    const own = facts.get(host.name);
    const device = own === undefined ? undefined : interfaceFor(instance, host, own.need(networkProbe));
    if (device === undefined) return null;
    devices[host.name] = device;
  }
  return devices;
}

export interface Rehearsing {
  /** What was heard. */
  readonly told: Promise<readonly Diagnostic[]>;
  /** Resolves when nothing of it runs on a host: a keepalived takes a second to end. */
  readonly ended: Promise<void>;
}

/**
 * Lets a second keepalived speak on every host of the cluster for about a second: whoever does not hear the others says so by
 * taking over. Refuses only what was seen; what could not be tried is a warning.
 */
export function rehearseAdverts(
  cluster: Cluster,
  sessions: ReadonlyMap<string, Session>,
  paths: readonly Path[],
): Rehearsing {
  const hosts = cluster.hosts.map((host) => host.name);
  const rehearsal = new Rehearsal(paths.length, hosts);
  const began = Date.now();
  let news = began;
  const ended: string[] = [];
  const token = randomUUID();
  const lastLines: string[] = [];
  const parts = cluster.hosts.map(async (host) => {
    const script = rehearsalScript(rehearsalConfig(paths, cluster.hosts, host), token);
    const onLine = (line: string): void => {
      if (rehearsal.heard(host.name, line)) news = Date.now();
      else lastLines.push(`${host.name}: ${line}`);
    };
    await attempt(sessions.get(host.name)?.run(script, { limit: 20, onLine }));
    ended.push(host.name);
  });
  const judge = async (): Promise<readonly Diagnostic[]> => {
    for (;;) {
      const now = Date.now();
      const deaf = rehearsal.deaf();
      if (deaf?.length === 0 && now - news >= SETTLED) return [];
      if (deaf !== null && deaf.length > 0 && now - news >= ACCUSED) {
        return deaf.map((it) => notHeard(cluster, paths[it.path], it));
      }
      if (ended.length > 0 || now - began >= GIVEN_UP) return [notTried(cluster, ended, lastLines)];
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  };
  const end = async (): Promise<void> => {
    const left = hosts.filter((it) => !ended.includes(it));
    const script = endRehearsalScript(token);
    await Promise.all(
      left.map((it) => attempt(sessions.get(it)?.run(script, { limit: 20, repeatable: true }))),
    );
    await Promise.all(parts);
  };
  const told = judge();
  return { told, ended: told.then(end, end) };
}

/** A connection that is lost here ends the rehearsal, which ends by itself on the host. */
async function attempt(running: Promise<unknown> | undefined): Promise<void> {
  try {
    await running;
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
  }
}

function notHeard(
  cluster: Cluster,
  path: Path | undefined,
  { speaker, listener }: { readonly speaker: string; readonly listener: string },
): Diagnostic {
  const address = cluster.hosts.find((it) => it.name === listener)?.address ?? '';
  const group = path?.family === 6 ? 'ff02::12' : '224.0.0.18';
  const to = path?.unicast === true ? address : group;
  return {
    severity: 'error',
    code: 'adverts-not-heard',
    summary: `${listener} does not hear the adverts of ${speaker} (IP protocol 112 to ${to} on ${path?.devices[listener] ?? '?'}): both would hold the address`,
    hint: `a packet filter, a switch (IGMP snooping) or the cloud's network between them drops them: allow protocol 112${path?.unicast === true ? '' : ', or set `unicast: true`'}`,
    cluster: cluster.name,
    host: listener,
  };
}

function notTried(cluster: Cluster, ended: readonly string[], lines: readonly string[]): Diagnostic {
  const who = ended.length > 0 ? `keepalived ended early on ${ended.join(', ')}` : 'no result in time';
  return {
    severity: 'warning',
    code: 'adverts-not-tried',
    summary: `whether the hosts hear each other's adverts could not be tried (${who})`,
    detail: lines.slice(-6).join('\n'),
    hint: '`lbctl status` says afterwards whether two hosts hold the address',
    cluster: cluster.name,
  };
}
