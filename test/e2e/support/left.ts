import type { LabHost } from '../../lab/lab.js';
import { run } from './cluster.js';

/** What a drill that ended may have left on a host: nothing. `lock`: one that a killed lbctl held goes by itself. */
const LEFT = `{ nft list tables 2>/dev/null | grep lbctl; systemctl list-units --all --plain --no-legend 'lbctl-undo-*'
ls -d /run/lbctl/undo-* /var/lib/lbctl/lock 2>/dev/null; pgrep -af '[i]p -o -tshort|[j]ournalctl -u keepalived|[l]bctl-drill'; } || true`;

export async function leftOn(hosts: readonly LabHost[]): Promise<string[]> {
  return Promise.all(hosts.map((host) => run(host, LEFT)));
}
