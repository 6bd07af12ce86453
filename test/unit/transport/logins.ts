import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SshSettings } from '../../../src/inventory/model.js';
import { createSshTransport, type SshTransportOptions } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { TransportError } from '../../../src/transport/types.js';
import { hostWith, script } from './hosts.js';
import { authorize, makeKey, type Sshd, startSshd } from './sshd.js';

type Env = Record<string, string>;

/** A real OpenSSH server, a key that it lets in, and somebody with a home who logs in there. */
export class Logins {
  /** What the transport told, since `forget`. */
  events: TransportEvent[] = [];

  private constructor(
    readonly sshd: Sshd,
    readonly key: string,
  ) {}

  static async start(config: readonly string[] = []): Promise<Logins> {
    const sshd = await startSshd(config);
    const key = makeKey(join(sshd.dir, 'good'));
    authorize(sshd, key);
    return new Logins(sshd, key);
  }

  get knownHosts(): string {
    return join(this.sshd.home, '.ssh', 'known_hosts');
  }

  /** No host is known, nothing was told. */
  forget(): void {
    this.events = [];
    rmSync(this.knownHosts, { force: true });
  }

  hostKey(type = 'ed25519'): string {
    const [name, key] = readFileSync(join(this.sshd.dir, `host_${type}.pub`), 'utf8').split(' ');
    return `${name} ${key}`;
  }

  trustHost(type = 'ed25519', port = this.sshd.port): void {
    writeFileSync(this.knownHosts, `[127.0.0.1]:${port} ${this.hostKey(type)}\n`);
  }

  /** Another key is known for it than the one that it shows. */
  changeHost(): void {
    writeFileSync(
      this.knownHosts,
      `[127.0.0.1]:${this.sshd.port} ${readFileSync(`${this.key}.pub`, 'utf8')}`,
    );
  }

  transport(options: Partial<SshTransportOptions> = {}) {
    return createSshTransport({
      env: {},
      homeDir: this.sshd.home,
      trace: (event) => this.events.push(event),
      globalKnownHostsFiles: [],
      configFiles: [],
      ...options,
    });
  }

  /** Connects, runs `true`, closes. */
  async login(ssh: Partial<SshSettings> = {}, env: Env = {}): Promise<void> {
    const session = await this.transport({ env }).connect(hostWith({ port: this.sshd.port, ...ssh }));
    try {
      expect((await session.run(script('true'), { limit: 10 })).exitCode).toBe(0);
    } finally {
      session.close();
    }
  }

  async refusal(ssh: Partial<SshSettings> = {}, env: Env = {}) {
    const error = await this.login(ssh, env).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof TransportError)) throw error ?? new Error('it was let in');
    expect(error.diagnostic).toMatchObject({ severity: 'error', host: 'lb1', cluster: 'web' });
    return { failure: error.failure, ...error.diagnostic };
  }

  get connected() {
    return this.events.find((event) => event.type === 'connected');
  }

  get retries(): number {
    return this.events.filter((event) => event.type === 'retry').length;
  }
}

export function fingerprintOf(path: string): string | undefined {
  return execFileSync('ssh-keygen', ['-lf', `${path}.pub`], { encoding: 'utf8' }).split(' ')[1];
}
