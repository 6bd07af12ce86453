import { sameAddress } from '../../base/addresses.js';
import type { Sighting } from './watch.js';

/** A sighting with its host; `at` by our clock. */
export type Seen = Sighting & { readonly host: string };

export interface Moves {
  /** Who noticed first that something is wrong, and how; null: nobody had to. */
  readonly noticed: { readonly at: number; readonly host: string; readonly what: string } | null;
  /** When the last of the addresses was on another host; null: they did not all leave. */
  readonly takenOver: { readonly at: number; readonly host: string } | null;
}

export interface Question {
  /** When the fault was made, by our clock. */
  readonly from: number;
  readonly to: number;
  /** The host that was broken. */
  readonly host: string;
  /** The virtual addresses that it held. */
  readonly addresses: readonly string[];
}

/** What became of a fault. */
export function movesOf(seen: readonly Seen[], { from, to, host, addresses }: Question): Moves {
  const own = seen.filter(({ at }) => at >= from && at <= to).sort((a, b) => a.at - b.at);
  const first = own.find((it) => it.kind === 'vrrp');
  const taken = addresses.map((address) =>
    own.find((it) => it.kind === 'gained' && it.host !== host && sameAddress(it.address, address)),
  );
  const moved = taken.filter((it) => it !== undefined).sort((a, b) => b.at - a.at);
  const [last] = moved.length === taken.length ? moved : [];
  return {
    noticed:
      first === undefined
        ? null
        : { at: first.at, host: first.host, what: `${first.instance}: ${first.what}` },
    takenOver: last !== undefined ? { at: last.at, host: last.host } : null,
  };
}

export interface Held {
  readonly host: string;
  readonly from: number;
  readonly to: number;
}

/** Who held an address when; `before`: who did at `from`. A host whose loss of it nobody saw held it to the end. */
export function holdersOver(
  seen: readonly Seen[],
  question: {
    readonly address: string;
    readonly before: readonly string[];
    readonly from: number;
    readonly to: number;
  },
): Held[] {
  const { address, before, from, to } = question;
  const own = seen
    .filter((it) => it.kind !== 'vrrp' && sameAddress(it.address, address) && it.at >= from && it.at <= to)
    .sort((a, b) => a.at - b.at);
  const since = new Map<string, number>(before.map((host) => [host, from]));
  const spans: Held[] = [];
  for (const { host, kind, at } of own) {
    const began = since.get(host);
    if (kind === 'gained' && began === undefined) since.set(host, at);
    if (kind !== 'lost' || began === undefined) continue;
    since.delete(host);
    spans.push({ host, from: began, to: at });
  }
  for (const [host, began] of since) spans.push({ host, from: began, to });
  return spans.sort((a, b) => a.from - b.from);
}

/** Milliseconds for which two hosts held an address at once, at most; 0: they never did. */
export function longestOverlap(spans: readonly Held[]): number {
  const pairs = spans.flatMap((one, index) => spans.slice(index + 1).map((other) => [one, other] as const));
  const both = pairs.flatMap(([one, other]) =>
    one.host === other.host ? [] : [Math.min(one.to, other.to) - Math.max(one.from, other.from)],
  );
  return Math.max(0, ...both);
}
