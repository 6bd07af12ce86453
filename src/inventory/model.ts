import type { SourceSpan } from '../base/diagnostic.js';
import type { Secret } from '../base/secret.js';

/** Where a secret comes from. Only a literal is in the inventory itself. */
export type SecretRef = { readonly source: SourceSpan } & (
  | { readonly kind: 'literal'; readonly value: Secret }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'prompt' }
);

export type StrictHostKeyChecking = 'yes' | 'ask' | 'accept-new' | 'no';

/** How to reach a host. `null`: as ssh would (its configuration files, then its defaults). */
export interface SshSettings {
  readonly user: string | null;
  /** Where SSH goes: `ssh.hostname`, else the host's address. */
  readonly hostname: string;
  readonly port: number | null;
  /** Absolute. */
  readonly identityFile: string | null;
  /** Absolute; `null`: ~/.ssh/known_hosts. */
  readonly knownHostsFile: string | null;
  readonly strictHostKeyChecking: StrictHostKeyChecking | null;
  readonly proxyJump: string | null;
  /** Seconds. */
  readonly connectTimeout: number | null;
  readonly become: { readonly method: 'sudo' | 'none'; readonly password: SecretRef | null };
}

export interface Host {
  readonly name: string;
  readonly cluster: string;
  /** The host's own IP address on the virtual addresses' network. */
  readonly address: string;
  readonly interface: string | null;
  readonly ssh: SshSettings;
  readonly source: SourceSpan;
}

export interface VirtualAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly source: SourceSpan;
}

export interface VrrpInstance {
  readonly name: string;
  readonly interface: string | null;
  readonly virtualRouterId: number;
  /** Seconds; below 1 VRRP version 3 is spoken. */
  readonly advertInt: number;
  /** 2 unless the advertisement interval or the address family needs 3. */
  readonly version: 2 | 3;
  readonly authPass: SecretRef | null;
  readonly preempt: boolean;
  readonly preemptDelay: number;
  readonly unicast: boolean;
  /** By host name; every host of the cluster has one. 1-254. */
  readonly priority: Readonly<Record<string, number>>;
  readonly virtualIpaddress: readonly VirtualAddress[];
  readonly source: SourceSpan;
}

/** keepalived's watch over HAProxy, asked on 127.0.0.1. Times in seconds. */
export interface Check {
  readonly port: number;
  readonly interval: number;
  readonly timeout: number;
  readonly fall: number;
  readonly rise: number;
  /** 0: FAULT; else as in keepalived.conf(5). */
  readonly weight: number;
}

/** One `bind` line: either a port on every virtual address, or an address as written. */
export interface Bind {
  /** `null`: every virtual address of the cluster; `*` or `[::]` are kept as written. */
  readonly address: string | null;
  readonly port: number;
  /** The rest of the line: `ssl crt …`; may be empty. */
  readonly options: string;
  readonly ssl: boolean;
  readonly source: SourceSpan;
}

export type ProxyMode = 'http' | 'tcp';

export interface Frontend {
  readonly name: string;
  readonly bind: readonly Bind[];
  readonly mode: ProxyMode;
  readonly acl: readonly string[];
  readonly useBackend: readonly string[];
  readonly defaultBackend: string | null;
  readonly lines: readonly string[];
  readonly source: SourceSpan;
}

export interface Server {
  readonly name: string;
  /** As written in haproxy.cfg: `192.168.64.136:80`, `[2001:db8::1]:80`, `name.example:80`. */
  readonly address: string;
  readonly options: string;
  /** False where the options say `no-check`. */
  readonly check: boolean;
  readonly source: SourceSpan;
}

export interface Backend {
  readonly name: string;
  readonly mode: ProxyMode;
  readonly balance: string;
  readonly option: readonly string[];
  readonly servers: readonly Server[];
  readonly lines: readonly string[];
  readonly source: SourceSpan;
}

/** A port that a haproxy.cfg of the user's own binds. */
export interface OwnBind {
  /** `*`: every address. `null`: written so that its address cannot be told before HAProxy runs. */
  readonly address: string | null;
  readonly port: number;
}

export interface OwnConfig {
  /** Absolute. */
  readonly path: string;
  /** Where the inventory names it. */
  readonly source: SourceSpan;
  /** null until the file has been read. */
  readonly loaded: { readonly text: string; readonly binds: readonly OwnBind[] } | null;
}

export interface Haproxy {
  /** A whole haproxy.cfg of the user's own; then the rest is empty. */
  readonly configFile: OwnConfig | null;
  readonly global: readonly string[];
  readonly defaults: readonly string[];
  readonly frontends: readonly Frontend[];
  readonly backends: readonly Backend[];
  readonly stats: { readonly bind: string; readonly uri: string } | null;
}

export type PackageWish = 'present' | 'latest' | { readonly version: string };

export interface System {
  readonly firewall: 'disable' | 'open' | 'keep';
  readonly selinux: 'disabled' | 'permissive' | 'enforcing' | 'keep';
  readonly packages: { readonly haproxy: PackageWish; readonly keepalived: PackageWish };
}

export interface Cluster {
  readonly name: string;
  /** In the order of preference. */
  readonly hosts: readonly Host[];
  readonly system: System;
  readonly vrrpInstances: readonly VrrpInstance[];
  readonly check: Check;
  readonly haproxy: Haproxy;
  readonly verify: { readonly url: string | null; readonly status: number | null };
  readonly drill: { readonly from: string | null };
  readonly source: SourceSpan;
}

export interface Inventory {
  /** As the user named it; `-` for standard input. */
  readonly file: string;
  readonly clusters: readonly Cluster[];
}
