import { expect, it } from 'vitest';
import { parseInventory } from '../../../src/inventory/load.js';
import type { Inventory } from '../../../src/inventory/model.js';

/** A right inventory: the tests change one thing in it. */
export const BASE = `clusters:
  web:
    hosts:
      lb1: 192.168.64.139
      lb2: 192.168.64.137
    vrrp_instances:
      VI_1:
        virtual_ipaddress: [192.168.64.200/24]
    haproxy:
      frontends:
        main: { bind: [80], default_backend: app }
      backends:
        app: { servers: { web1: "192.168.64.136:80", web2: "192.168.64.134:80" } }
`;

export const ENV = {
  HOME: '/home/op',
  BAD_ADDRESS: '10.0.0',
  BREAK: 'ssl\nuser root',
  PORT: '8080',
  DOLLAR: '${PORT}',
};

export const OPTIONS = { file: 'inventory.yaml', baseDir: '/srv/lb', env: ENV };

export function change(from: string, to: string, text = BASE): string {
  if (!text.includes(from)) throw new Error(`not in the text: ${from}`);
  return text.replace(from, () => to);
}

/** `LINE:COLUMN: message (hint)` for everything that is said about the text. */
export function complaints(text: string): string[] {
  const result = parseInventory(text, OPTIONS);
  const found = result.ok ? result.value.warnings : result.error;
  return found.map(({ severity, source, summary, hint }) => {
    const label = severity === 'warning' ? 'warning: ' : '';
    return `${source?.line}:${source?.column}: ${label}${summary}${hint === undefined ? '' : ` (${hint})`}`;
  });
}

/** The inventory of a text that must be right. */
export function accepted(text: string): Inventory {
  const result = parseInventory(text, OPTIONS);
  if (!result.ok) throw new Error(complaints(text).join('\n'));
  return result.value.inventory;
}

/** What is changed in the right inventory, into what, and everything that is said about it then. */
export type Case = readonly [title: string, from: string, to: string, ...expected: string[]];

export function checkCases(cases: readonly Case[]): void {
  it.each(cases.map(([title, ...rest]) => ({ title, rest })))(
    '$title',
    ({ rest: [from, to, ...expected] }) => {
      expect(complaints(change(from, to))).toEqual(expected);
    },
  );
}
