import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadInventory, parseInventory } from '../../../src/inventory/load.js';
import type { Cluster, Host, Inventory } from '../../../src/inventory/model.js';

/** The smallest inventory: one pair, one virtual address, one site on two servers. */
export const SMALLEST = `clusters:
  web:
    hosts:
      lb1: 10.0.0.11
      lb2: 10.0.0.12
    vrrp_instances:
      VI_1:
        virtual_ipaddress: [10.0.0.100/24]
    haproxy:
      frontends:
        main: { bind: [80], default_backend: app }
      backends:
        app: { servers: { web1: "10.0.0.21:80", web2: "10.0.0.22:80" } }
`;

export function inventoryOf(text: string): Inventory {
  const result = parseInventory(text, { file: 'inventory.yaml', baseDir: '/srv/lb', env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.error, null, 2));
  return result.value.inventory;
}

/** Texts to replace in the smallest inventory: [from, to]. */
export type Changes = readonly (readonly [from: string, to: string])[];

/** The cluster of the smallest inventory, changed. */
export function clusterOf(...changes: Changes): Cluster {
  let text = SMALLEST;
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`not in the text: ${from}`);
    text = text.replace(from, () => to);
  }
  return first(inventoryOf(text).clusters);
}

export function hostOf(cluster: Cluster, name: string): Host {
  return first(cluster.hosts.filter((host) => host.name === name));
}

export function first<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined) throw new Error('the list is empty');
  return one;
}

const EXAMPLES = fileURLToPath(new URL('../../../inventory/', import.meta.url));

/** Every example that ships, by its name without `.yaml`. */
export async function examples(): Promise<Map<string, Inventory>> {
  const files = readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'));
  const loaded = await Promise.all(
    files.map(async (file) => {
      const result = await loadInventory(`${EXAMPLES}${file}`, { env: { HOME: '/root' } });
      if (!result.ok) throw new Error(JSON.stringify(result.error, null, 2));
      return [file.replace('.yaml', ''), result.value.inventory] as const;
    }),
  );
  return new Map(loaded);
}
