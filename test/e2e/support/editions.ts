/** A pair whose two configurations are told apart by a header: `one`, `two`. */
import { expect } from 'vitest';
import { on, PAIR } from './hosts.js';
import { lbctl } from './lbctl.js';
import { type InventoryFile, inventory } from './pair.js';

const CFG = '/etc/haproxy/haproxy.cfg';

/** The ready pair's inventory with a header of its own. */
export function withHeader(value: string): Promise<string> {
  return inventory(`${value}.yaml`, ({ clusters: { web } }: InventoryFile) => {
    web.haproxy.frontends.main.lines = [`http-response set-header x-edition ${value}`];
  });
}

export async function edition(): Promise<string[]> {
  return Promise.all(PAIR.map((host) => on(host, `sed -n 's/.*x-edition //p' ${CFG}`)));
}

/** What a change may leave on a host while it is made, and never afterwards. */
export async function leftovers(): Promise<string[]> {
  const found = await Promise.all(
    PAIR.map((host) =>
      on(
        host,
        `ls -d /run/lbctl/undo-* /run/lbctl-go.* 2>/dev/null; find /etc /usr/libexec /var/lib/lbctl -name '*.lbctl-new';
         systemctl list-units --all --no-legend 'lbctl-undo*'; ls /var/lib/lbctl/lock 2>/dev/null; true`,
      ),
    ),
  );
  return found.filter(Boolean);
}

interface History {
  clusters: {
    generations: {
      number: number;
      who: string;
      command: string;
      hosts: Record<string, { changes: string[]; diff: string | null; reverted: string | null }>;
    }[];
  }[];
}

export async function history(path: string): Promise<History['clusters'][0]['generations']> {
  const run = await lbctl('history', path, '--json');
  expect(run.exit, run.said).toBe(0);
  return (JSON.parse(run.stdout) as History).clusters[0]?.generations ?? [];
}
