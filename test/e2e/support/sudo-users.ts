/** Users of the lab's hosts whose sudo asks, refuses or wants a terminal, each in a way of its own. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../../src/base/secret.js';
import { raw } from '../../../src/base/shell.js';
import type { Host, SecretRef, SshSettings } from '../../../src/inventory/model.js';
import type { Ask } from '../../../src/transport/ask.js';
import { createSshTransport } from '../../../src/transport/ssh2-transport.js';
import type { TransportEvent } from '../../../src/transport/trace.js';
import { TransportError } from '../../../src/transport/types.js';
import { type LabHost, type LabInfo, labExec } from '../../lab/lab.js';

/** Words that occur nowhere else: the users' password, and that of those who need another one to log in. */
export const PASSWORD = 'Tr0ub4dor-sudo-9f3c';
export const LOGIN = 'Corr3ct-login-77aa';

const source = { file: 'inventory.yaml', line: 1, column: 1 };
const ref: SecretRef = { kind: 'env', name: 'SUDO_PW', source };

/** @throws Error with what the command said */
export async function on(host: LabHost, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await labExec(host, command);
  if (exitCode !== 0) throw new Error(`${command}: ${stderr}${stdout}`);
  return stdout;
}

export interface SudoUser {
  readonly password?: string;
  /** Lines of sudoers. */
  readonly sudoers?: readonly string[];
  /** Of its .bashrc. */
  readonly shell?: string;
}

/** sudo asks this user for its password. */
export const ASKED = (user: string): SudoUser => ({ sudoers: [`${user} ALL=(ALL) ALL`] });

/** Lets them log in with root's keys. */
export async function addUsers(host: LabHost, users: Readonly<Record<string, SudoUser>>): Promise<void> {
  const lines = Object.entries(users).map(
    ([user, { password = PASSWORD, sudoers = [], shell = '' }]) => `home=/home/${user}
id ${user} >/dev/null 2>&1 || useradd -m -s /bin/bash ${user}
echo '${user}:${password}' | chpasswd
mkdir -p $home/.ssh; cat /root/.ssh/authorized_keys > $home/.ssh/authorized_keys
chown -R ${user}: $home/.ssh; chmod 700 $home/.ssh; chmod 600 $home/.ssh/authorized_keys
cat >> $home/.bashrc <<'END'
${shell}
END
rm -f /etc/sudoers.d/${user}
${sudoers.length === 0 ? '' : `printf '%s\\n' ${sudoers.map((line) => `'${line}'`).join(' ')} > /etc/sudoers.d/${user}; chmod 440 /etc/sudoers.d/${user}`}`,
  );
  await on(host, `${lines.join('\n')}\nvisudo -c >/dev/null`);
}

export async function removeUsers(host: LabHost, names: readonly string[]): Promise<void> {
  await labExec(
    host,
    `for u in ${names.join(' ')}; do rm -f /etc/sudoers.d/$u; userdel -rf $u; done; rm -f /var/run/faillock/*`,
  );
}

/** The lab's el1 as a host of an inventory. */
export function el1(lab: LabInfo, ssh: Partial<SshSettings> = {}): Host {
  return {
    name: 'lb1',
    cluster: 'web',
    address: lab.hosts.el1.address,
    interface: null,
    source,
    ssh: {
      user: 'root',
      hostname: '127.0.0.1',
      port: lab.hosts.el1.ssh_port,
      identityFile: lab.identity_file,
      knownHostsFile: lab.known_hosts_file,
      strictHostKeyChecking: 'yes',
      proxyJump: null,
      connectTimeout: null,
      become: { method: 'sudo', password: null },
      ...ssh,
    },
  };
}

/** The same by way of sudo. */
export function needing(lab: LabInfo, user: string, password: SecretRef | null = ref): Host {
  return el1(lab, { user, become: { method: 'sudo', password } });
}

export interface Given {
  /** Null: it cannot be had. */
  readonly password?: string | null;
  readonly ask?: Ask;
}

/** What the last transport told, and how often it fetched the password. */
export const seen: { events: TransportEvent[]; fetched: number } = { events: [], fetched: 0 };

export function transport({ password = PASSWORD, ask }: Given = {}) {
  seen.events = [];
  seen.fetched = 0;
  return createSshTransport({
    env: {},
    homeDir: mkdtempSync(join(tmpdir(), 'lbctl-home-')),
    configFiles: [],
    trace: (event) => seen.events.push(event),
    ask: ask ?? null,
    passwords: {
      of: async () => {
        seen.fetched++;
        if (password === null) throw new Error('none is known');
        return new Secret(password);
      },
    },
  });
}

export async function run(target: Host, code: string, given: Given = {}) {
  const session = await transport(given).connect(target);
  try {
    return await session.run(raw(code), { limit: 20 });
  } finally {
    session.close();
  }
}

export async function refusal(target: Host, given: Given = {}) {
  const error = await run(target, 'true', given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TransportError)) throw error ?? new Error('it was let in');
  return { failure: error.failure, ...error.diagnostic };
}
