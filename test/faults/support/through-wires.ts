import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Lb } from '../../e2e/support/hosts.js';
import type { InventoryFile } from '../../e2e/support/pair.js';

/** The same inventory with the hosts behind their proxies; host keys are not what is tested. Returns its path. */
export async function throughWires(
  path: string,
  wires: Readonly<Record<Lb, { readonly port: number }>>,
): Promise<string> {
  const file = parse(await readFile(path, 'utf8')) as InventoryFile;
  const folder = dirname(path);
  file.ssh.strict_host_key_checking = 'no';
  file.ssh.known_hosts_file = join(folder, 'known_hosts');
  for (const [name, host] of Object.entries(file.clusters.web.hosts)) host.ssh.port = wires[name as Lb].port;
  const wired = join(folder, 'wired.yaml');
  await writeFile(wired, stringify(file));
  return wired;
}
