import type { Host } from '../inventory/model.js';
import { knownHostsName } from './known-hosts.js';

/** A host's SSH settings with the defaults filled in. */
export interface Target {
  readonly host: Host;
  /** `cluster/name`, for traces. */
  readonly label: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** The name in known_hosts. */
  readonly keyName: string;
  readonly connectTimeoutMs: number;
}

export function targetOf(host: Host, localUser: string): Target {
  const { hostname } = host.ssh;
  const port = host.ssh.port ?? 22;
  return {
    host,
    label: `${host.cluster}/${host.name}`,
    hostname,
    port,
    user: host.ssh.user ?? localUser,
    keyName: knownHostsName(hostname, port),
    connectTimeoutMs: (host.ssh.connectTimeout ?? 10) * 1000,
  };
}

/** `user@host`, with the port where it is not 22; for sentences. */
export function destination(target: Target): string {
  return `${target.user}@${target.hostname}${target.port === 22 ? '' : ` port ${target.port}`}`;
}
