import type { LabHost } from '../../lab/lab.js';
import { run } from './cluster.js';

const LOCK = '/var/lib/lbctl/lock';

/** What a drill that ended may have left on a host: nothing. */
const LEFT = `{ nft list tables 2>/dev/null | grep lbctl; systemctl list-units --all --plain --no-legend 'lbctl-undo-*'
ls -d /run/lbctl/undo-* ${LOCK} 2>/dev/null; pgrep -af '[i]p -o -tshort|[j]ournalctl -u keepalived|[l]bctl-drill'; } || true`;

export async function leftOn(hosts: readonly LabHost[]): Promise<string[]> {
  return Promise.all(hosts.map((host) => run(host, LEFT)));
}

/** The same of one that was killed: its lock stays as a file until the next run takes it. */
export async function leftByKilled(hosts: readonly LabHost[]): Promise<string[]> {
  return (await leftOn(hosts)).map((text) =>
    text
      .split('\n')
      .filter((line) => line !== LOCK)
      .join('\n'),
  );
}

/** Makes a lock as old as if its owner had not been heard of for so much longer. */
export function agingLock(seconds: number): string {
  return `[ -e ${LOCK} ] || exit 0; r=$(sed -n 's/^renewed=//p' ${LOCK}); sed -i "s/^renewed=.*/renewed=$((r - ${seconds}))/" ${LOCK}`;
}
