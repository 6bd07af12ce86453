import type { Diagnostic } from '../base/diagnostic.js';
import type { Command } from '../base/shell.js';
import type { ConfigSource } from './config-sources.js';

/** What a transport tells whoever listens (`-v`). Hosts are `cluster/name`. A `Command` prints itself without its secrets. */
export type TransportEvent =
  | {
      readonly type: 'connected';
      readonly host: string;
      /** The host, or the jump host on the way to it. */
      readonly name: string;
      readonly user: string;
      /** The IP address that answered. */
      readonly address: string;
      readonly port: number;
      readonly hostKeyType: string;
      /** `SHA256:…` */
      readonly hostKeyFingerprint: string;
      /** `FILE:LINE` of the entry that the key was found in; null: trusted without one. */
      readonly trustedBy: string | null;
      /** `agent` or `file`, and which key of it. */
      readonly identity: string;
      readonly durationMs: number;
    }
  | {
      /** What the inventory and the ssh configuration decide about a host, and where they say so. */
      readonly type: 'settings';
      readonly host: string;
      /** As it was looked up: a host, or a jump host on the way to it. */
      readonly name: string;
      readonly settings: readonly ConfigSource[];
    }
  | { readonly type: 'retry'; readonly host: string; readonly reason: string; readonly delayMs: number }
  | {
      readonly type: 'run-start';
      readonly host: string;
      readonly script: Command;
      readonly limit: number | 'none';
    }
  | {
      readonly type: 'run-end';
      readonly host: string;
      readonly exitCode: number | null;
      readonly timedOut: boolean;
      readonly durationMs: number;
      readonly stdoutBytes: number;
      readonly stderrBytes: number;
    }
  | { readonly type: 'closed'; readonly host: string }
  | { readonly type: 'warning'; readonly diagnostic: Diagnostic };

export type Trace = (event: TransportEvent) => void;
