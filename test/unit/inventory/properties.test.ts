import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInventory } from '../../../src/inventory/load.js';
import { formatSourceDiagnostics } from '../../../src/inventory/print.js';
import { editDistance } from '../../../src/inventory/suggest.js';
import { accepted, BASE, OPTIONS } from './helpers.js';

/** Parses, and checks what holds for every text. */
function survives(text: string): void {
  const result = parseInventory(text, OPTIONS);
  const found = result.ok ? result.value.warnings : result.error;
  expect(result.ok || found.some(({ severity }) => severity === 'error')).toBe(true);
  const lines = text.replace(/^\ufeff/, '').split('\n');
  for (const { source } of found) {
    const line = lines[(source?.line ?? 0) - 1];
    expect(line).toBeDefined();
    // One behind the last character is where something is missing.
    expect(source?.column).toBeLessThanOrEqual((line?.length ?? 0) + 1);
    expect(source?.column).toBeGreaterThanOrEqual(1);
  }
  const printed = formatSourceDiagnostics(found, text);
  expect(printed.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
}

const piece = fc.constantFrom(
  ...'{}[]:,-*&!|>\'"%@`#?<~$\\\t '.split(''),
  '\n',
  '\n  ',
  '${',
  '}',
  '<<: ',
  '*a',
  '&a ',
  '- ',
  ': ',
  '\u001b[31m',
  '\0',
  '\ufeff',
  '\r\n',
  'é漢',
  '!!str ',
  '---\n',
);

describe('any text', () => {
  it('is answered, never with an exception', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 500 });
  });

  it('made of what means something to YAML', () => {
    const text = fc.array(fc.oneof(piece, fc.constantFrom('clusters', 'web', 'hosts', 'a', '80')), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(text, (pieces) => survives(pieces.join(''))),
      { numRuns: 1000 },
    );
  });

  it('that is the right inventory, damaged', () => {
    const damage = fc.tuple(fc.nat(BASE.length), fc.nat(12), fc.oneof(piece, fc.string({ maxLength: 5 })));
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
        let text = BASE;
        for (const [at, length, put] of damages) text = text.slice(0, at) + put + text.slice(at + length);
        survives(text);
      }),
      { numRuns: 1000 },
    );
  });
});

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,12}$/).filter((text) => !/^lbctl/i.test(text));
const names = (min: number, max: number) => fc.uniqueArray(name, { minLength: min, maxLength: max });

const right = fc
  .record({
    cluster: name,
    hosts: names(2, 5),
    instance: name,
    routerId: fc.integer({ min: 1, max: 255 }),
    advertInt: fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(0.01, 0.1, 0.29, 0.57, 0.99)),
    preempt: fc.boolean(),
    priorities: fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { minLength: 5, maxLength: 5 }),
    vips: fc.uniqueArray(fc.integer({ min: 100, max: 254 }), { minLength: 1, maxLength: 4 }),
    ports: fc.uniqueArray(
      fc.integer({ min: 1, max: 65_535 }).filter((port) => port !== 8405),
      { minLength: 1, maxLength: 4 },
    ),
    mode: fc.constantFrom('http', 'tcp'),
    backend: name,
    servers: names(1, 5),
  })
  .map((wish) => ({
    ...wish,
    priority: wish.hosts.map((host, index) => [host, wish.priorities[index] ?? 0] as const),
  }));

describe('a right inventory', () => {
  it('comes back as it was meant', () => {
    fc.assert(
      fc.property(right, (wish) => {
        const { cluster, hosts, instance, backend, servers } = wish;
        // JSON is YAML; an entry list keeps names such as "1" in their place.
        const map = (entries: (readonly [string, unknown])[]) =>
          `{${entries.map(([key, value]) => `${JSON.stringify(key)}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')}}`;
        const text = `clusters:
  ${JSON.stringify(cluster)}:
    hosts: ${map(hosts.map((host, index) => [host, `10.0.0.${index + 1}`]))}
    vrrp_instances:
      ${JSON.stringify(instance)}:
        virtual_router_id: ${wish.routerId}
        advert_int: ${wish.advertInt}
        preempt: ${wish.preempt ? 'yes' : 'no'}
        priority: ${map(wish.priority)}
        virtual_ipaddress: [${wish.vips.map((last) => `10.0.0.${last}/24`).join(', ')}]
    haproxy:
      frontends: { main: { bind: [${wish.ports.join(', ')}], mode: ${wish.mode}, default_backend: ${JSON.stringify(backend)} } }
      backends: { ${JSON.stringify(backend)}: { mode: ${wish.mode}, servers: ${map(servers.map((server, index) => [server, `"10.9.0.${index}:80"`]))} } }
`;
        const [read] = accepted(text).clusters;
        expect(read?.name).toBe(cluster);
        expect(read?.hosts.map((host) => host.name)).toEqual(hosts);
        expect(read?.vrrpInstances).toMatchObject([
          {
            name: instance,
            virtualRouterId: wish.routerId,
            advertInt: wish.advertInt,
            version: wish.advertInt < 1 ? 3 : 2,
            preempt: wish.preempt,
            priority: Object.fromEntries(wish.priority),
            virtualIpaddress: wish.vips.map((last) => ({ address: `10.0.0.${last}`, prefix: 24 })),
          },
        ]);
        expect(read?.haproxy.frontends[0]?.bind.map(({ port }) => port)).toEqual(wish.ports);
        expect(read?.haproxy.backends[0]?.servers.map((server) => server.name)).toEqual(servers);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the distance of words', () => {
  it('is a distance', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, a)).toBe(0);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
