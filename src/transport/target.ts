import { join } from 'node:path';
import { quote } from '../base/shell.js';
import type { Host, StrictHostKeyChecking } from '../inventory/model.js';
import { knownHostsName } from './known-hosts.js';
import { expandPath, expandPercent, type Tokens } from './percent.js';
import { NO_CONFIG, type SshConfig } from './ssh-config.js';

/** One SSH server to log in to, a host of the inventory or one on the way to it, with all that was configured. */
export interface Target {
  /** The host of the inventory that this is about. */
  readonly host: Host;
  /** `cluster/name`, for traces. */
  readonly label: string;
  /** What messages call it: `lb1`, `the jump host bastion`. */
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** The name in known_hosts. */
  readonly keyName: string;
  /** The same without the port, where ssh takes that as well. */
  readonly portlessKeyName: string | null;
  readonly connectTimeoutMs: number;
  readonly keepalive: { readonly intervalMs: number; readonly count: number };
  readonly strictHostKeyChecking: StrictHostKeyChecking;
  readonly knownHosts: {
    /** New keys go to the first; empty: there is none. Null: the usual ones. */
    readonly user: readonly string[] | null;
    readonly global: readonly string[] | null;
    readonly hash: boolean;
  };
  readonly keys: {
    /** The one that has to be there; null: none was named. */
    readonly named: string | null;
    /** Configured ones, of which any may be missing; empty: none; null: the usual ones. */
    readonly files: readonly string[] | null;
    /** IdentitiesOnly: of the agent's keys only those of the files. */
    readonly only: boolean;
    /** Null: there is no agent. */
    readonly agentSocket: string | null;
  };
  readonly ask: {
    /** Not with BatchMode: no host key, no passphrase, no password. */
    readonly anything: boolean;
    readonly password: boolean;
    readonly keyboard: boolean;
  };
  readonly route: Route;
}

export type Route =
  | { readonly kind: 'direct' }
  | { readonly kind: 'jump'; readonly via: Target }
  /** A program of this machine, whose standard input and output are the connection. */
  | { readonly kind: 'command'; readonly command: string };

export interface TargetContext {
  readonly localUser: string;
  readonly homeDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the ssh configuration was asked for. */
  readonly askedName: string;
  readonly config: SshConfig;
  readonly route: (tokens: Tokens) => Route;
  /** The host on the way, where it is one. */
  readonly jump: {
    readonly hostname: string;
    readonly user: string | null;
    readonly port: number | null;
  } | null;
}

const KEEPALIVE = { intervalMs: 10_000, count: 3 };

/** A host's SSH settings: the inventory's own, else the ssh configuration's, else ssh's defaults. */
export function targetOf(host: Host, localUser: string, context: Partial<TargetContext> = {}): Target {
  const { homeDir = '', env = {}, config = NO_CONFIG, jump = null } = context;
  const { ssh } = host;
  const wanted = jump ?? ssh;
  const name = context.askedName ?? wanted.hostname;
  const user = wanted.user ?? config.user ?? localUser;
  const port = wanted.port ?? config.port ?? 22;
  const tokens: Tokens = {
    name,
    hostname: config.hostname ?? name,
    port,
    user,
    localUser,
    homeDir,
    keyAlias: config.hostKeyAlias,
    proxyJump: config.proxyJump ?? '',
  };
  const path = (text: string) => expandPath(text, tokens, env);
  const { hostname } = tokens;
  const alias = config.hostKeyAlias;
  const known = (files: readonly string[] | null) =>
    files === null ? null : files.filter((file) => file.toLowerCase() !== 'none').map(path);
  const configured = config.identityFiles?.map(path) ?? null;
  return {
    host,
    label: `${host.cluster}/${host.name}`,
    name: jump === null ? host.name : `the jump host ${jump.hostname}`,
    hostname,
    port,
    user,
    keyName: alias === null ? knownHostsName(hostname, port) : alias.toLowerCase(),
    portlessKeyName: alias !== null || port === 22 ? null : hostname.toLowerCase(),
    connectTimeoutMs: (ssh.connectTimeout ?? config.connectTimeout ?? 10) * 1000,
    keepalive: {
      intervalMs:
        config.serverAliveInterval === null ? KEEPALIVE.intervalMs : config.serverAliveInterval * 1000,
      count: config.serverAliveCountMax ?? KEEPALIVE.count,
    },
    strictHostKeyChecking: ssh.strictHostKeyChecking ?? config.strictHostKeyChecking ?? 'ask',
    knownHosts: {
      user: ssh.knownHostsFile === null ? known(config.userKnownHostsFiles) : [ssh.knownHostsFile],
      global: known(config.globalKnownHostsFiles),
      hash: config.hashKnownHosts,
    },
    keys: {
      // A jump host may have a key of its own; the inventory's is tried there as well.
      named: jump === null ? ssh.identityFile : null,
      files:
        jump !== null && ssh.identityFile !== null ? [...(configured ?? []), ssh.identityFile] : configured,
      only: (jump === null && ssh.identityFile !== null) || config.identitiesOnly,
      agentSocket: agentSocket(config.identityAgent, env, path),
    },
    ask: {
      anything: !config.batchMode,
      password: config.passwordAuthentication,
      keyboard: config.keyboardInteractive,
    },
    route: context.route?.(tokens) ?? { kind: 'direct' },
  };
}

/** `none`, `SSH_AUTH_SOCK`, `$NAME` or a path. */
function agentSocket(
  configured: string | null,
  env: TargetContext['env'],
  path: (text: string) => string,
): string | null {
  if (configured === null || configured === 'SSH_AUTH_SOCK') return env.SSH_AUTH_SOCK || null;
  if (configured.toLowerCase() === 'none') return null;
  const variable = /^\$(\w+)$/.exec(configured)?.[1];
  return variable === undefined ? path(configured) : env[variable] || null;
}

export function proxyCommand(command: string, tokens: Tokens): string {
  return expandPercent(command, tokens);
}

export function defaultKnownHosts(homeDir: string): string[] {
  const file = join(homeDir, '.ssh', 'known_hosts');
  return [file, `${file}2`];
}

/** `user@host`, with the port where it is not 22; for sentences. */
export function destination(target: Target): string {
  return `${target.user}@${target.hostname}${target.port === 22 ? '' : ` port ${target.port}`}`;
}

/** The same, with all hosts on the way as far as arguments can say it. */
export function viaArguments(target: Target): string {
  const hops: string[] = [];
  for (let { route } = target; route.kind === 'jump'; { route } = route.via) {
    const { user, hostname, port } = route.via;
    hops.unshift(`${user}@${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`);
  }
  return `${hops.length === 0 ? '' : `-J ${quote(hops.join(','))} `}${sshArguments(target)}`;
}

/** `-p 2222 user@host`, for a command that people run. */
export function sshArguments(target: Target): string {
  return `${target.port === 22 ? '' : `-p ${target.port} `}${quote(`${target.user}@${target.hostname}`)}`;
}
