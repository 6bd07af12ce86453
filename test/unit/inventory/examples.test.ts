import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadInventory } from '../../../src/inventory/load.js';
import { inventorySchema } from '../../../src/inventory/schema.js';

const FOLDER = fileURLToPath(new URL('../../../inventory/', import.meta.url));
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

const load = async (file: string) => {
  const result = await loadInventory(`${FOLDER}${file}`, { env: { HOME: '/root' } });
  if (!result.ok) throw new Error(JSON.stringify(result.error, null, 2));
  return result.value;
};

describe('the examples', () => {
  it('are there', () => {
    expect(FILES.length).toBeGreaterThanOrEqual(4);
  });

  it.each(FILES)('%s is right, without a warning', async (file) => {
    expect((await load(file)).warnings).toEqual([]);
  });

  it.each(FILES)('%s fits the schema', (file) => {
    const { clusters, ssh } = parse(readFileSync(`${FOLDER}${file}`, 'utf8'), { merge: true });
    expect(
      inventorySchema.safeParse(ssh === undefined ? { clusters } : { clusters, ssh }).error?.issues,
    ).toBeUndefined();
  });

  it('the pair with two web servers', async () => {
    const [cluster] = (await load('two-web-servers.yaml')).inventory.clusters;
    expect(cluster?.hosts.map(({ name, address }) => [name, address])).toEqual([
      ['LB1', '192.168.64.139'],
      ['LB2', '192.168.64.137'],
    ]);
    expect(cluster?.vrrpInstances).toMatchObject([
      { interface: 'ens160', virtualRouterId: 51, priority: { LB1: 100, LB2: 90 } },
    ]);
  });
});

describe('the schema', () => {
  it('can be given to editors', () => {
    const schema = z.toJSONSchema(inventorySchema, { io: 'input' });
    expect(schema).toMatchObject({
      patternProperties: { '^x-': {} },
      additionalProperties: false,
      required: ['clusters'],
    });
  });

  it('refuses what the reader refuses', () => {
    expect(inventorySchema.safeParse({ clusters: { web: { hosts: {} } } }).success).toBe(false);
  });
});
