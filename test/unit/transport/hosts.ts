import { raw } from '../../../src/base/shell.js';
import type { Host, SshSettings } from '../../../src/inventory/model.js';

/** A host of an inventory, with the settings that a test is about. */
export function hostWith(ssh: Partial<SshSettings> = {}): Host {
  return {
    name: 'lb1',
    cluster: 'web',
    address: '127.0.0.1',
    interface: null,
    source: { file: 'inventory.yaml', line: 3, column: 7 },
    ssh: {
      user: 'root',
      hostname: '127.0.0.1',
      port: null,
      identityFile: null,
      knownHostsFile: null,
      strictHostKeyChecking: null,
      proxyJump: null,
      connectTimeout: null,
      become: { method: 'sudo', password: null },
      ...ssh,
    },
  };
}

export const script = raw;
