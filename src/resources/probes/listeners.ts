import { err, ok } from '../../base/result.js';
import { raw } from '../../base/shell.js';
import type { Probe } from '../types.js';

export interface Listener {
  /** `0.0.0.0`, `[::]`'s inside, or an address without an interface. */
  readonly address: string;
  readonly port: number;
  /** Names of the programs; empty where the kernel does not say. */
  readonly programs: readonly string[];
}

/** What listens for TCP connections, and who, as `ss` tells it. */
export const listenersProbe: Probe<readonly Listener[]> = {
  key: 'listeners',
  // What is bound by then HAProxy's own reload has proven.
  before: true,
  script: raw('ss -Hltnp'),
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`\`ss -Hltnp\` failed with exit code ${exitCode}: ${stderr.trim()}`);
    const listeners: Listener[] = [];
    for (const line of stdout.split('\n').filter((it) => it.trim() !== '')) {
      const [, , , local = '', , users = ''] = line.trim().split(/\s+/);
      const match = /^(.*):(\d+)$/.exec(local);
      if (match?.[1] === undefined || match[2] === undefined)
        return err(`\`ss -Hltnp\` printed "${line.trim()}"`);
      listeners.push({
        address: match[1].replace(/^\[|\]$/g, '').replace(/%.*$/, ''),
        port: Number(match[2]),
        programs: [...users.matchAll(/\("([^"]*)",pid=/g)].map(([, name = '']) => name),
      });
    }
    return ok(listeners);
  },
};
