import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Endpoint, HostFile } from './hosts.js';

/** The text in which the scenario "one-line change" goes back and forth. */
export const LINE = { a: 'timeout server 50s', b: 'timeout server 51s' } as const;
export type Variant = keyof typeof LINE;

const END = 'END_OF_THE_FILE';

/** The script's variable that tells that a file was written, by a part of the file's path. */
const CHANGED = [
  ['haproxy.cfg', 'haproxy_changed'],
  ['keepalived.conf', 'keepalived_changed'],
  ['check', 'keepalived_changed'],
  ['/systemd/', 'units_changed'],
  ['/sysctl.d/', 'kernel_changed'],
] as const;

/** What runs on one host: the files inline, then bench/floor.sh. */
export async function floorScript(root: string, vip: string, files: readonly HostFile[], variant: Variant) {
  const puts = files.map((file) => {
    const [, changed] = CHANGED.find(([part]) => file.path.includes(part)) ?? [];
    const head = `put ${file.path} ${file.mode} ${file.owner} <<'${END}' && ${changed}=1`;
    return `${head}\n${content(file, variant)}${END}\n`;
  });
  const before = `VIP=${vip}\n${CHANGED.map(([, name]) => `${name}=\n`).join('')}`;
  const rest = await readFile(join(root, 'bench/floor.sh'), 'utf8');
  return `${before}files() {\n${puts.join('')}:\n}\n${rest}`;
}

export function content(file: HostFile, variant: Variant): string {
  return file.content.replace(/timeout server 5[01]s(?=\n\s+server )/, LINE[variant]);
}

/** All hosts at once, each over one ssh; fails where one does. */
export function floorCommand(
  hosts: readonly { endpoint: Endpoint; script: string }[],
  sshOptions: readonly string[],
): string {
  const starts = hosts.map(
    ({ endpoint, script }) =>
      `ssh ${sshOptions.join(' ')} -p ${endpoint.port} root@127.0.0.1 bash -s <${script} & pids="$pids $!"`,
  );
  return `pids=\n${starts.join('\n')}\nfor p in $pids; do wait "$p" || exit 1; done\n`;
}
