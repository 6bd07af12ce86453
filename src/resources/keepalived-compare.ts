/** What of a vrrp_instance both hosts must agree on. */
interface Agreement {
  readonly vrid: string;
  readonly version: string;
  readonly auth: string;
  readonly unicast: boolean;
  /** Version 2 drops adverts with another interval; version 3 does not. */
  readonly advertInt: string;
  /** keepalived drops adverts that name another number of addresses, or that lack one of its own. The prefix is not sent. */
  readonly addresses: string;
}

interface Instance {
  readonly agreement: Agreement;
  readonly addresses: readonly string[];
}

/**
 * True where a host with the old file and one with the new would not accept each other's adverts, so that
 * both would hold the addresses while only one has changed.
 */
export function flipsTogether(before: string, after: string): boolean {
  const old = instances(before);
  for (const [name, { agreement, addresses }] of instances(after)) {
    // One that was renamed is known by its router id, else by its addresses.
    const was =
      old.get(name) ??
      [...old.values()].find((it) => it.agreement.vrid === agreement.vrid) ??
      [...old.values()].find((it) => it.addresses.some((address) => addresses.includes(address)));
    if (was !== undefined && JSON.stringify(was.agreement) !== JSON.stringify(agreement)) return true;
  }
  return false;
}

/** True where a reload makes keepalived start an instance anew: it goes by router id and way of sending. */
export function startsAnew(before: string, after: string): boolean {
  const identity = ({ agreement: { vrid, unicast } }: Instance) => `${vrid} ${unicast}`;
  const old = new Set([...instances(before).values()].map(identity));
  return [...instances(after).values()].some((it) => !old.has(identity(it)));
}

/** The priorities that the file names, by instance. */
export function priorities(text: string): ReadonlyMap<string, number> {
  const tokens = tokenize(text);
  return new Map(
    tokens.flatMap((token, index) => {
      const name = tokens[index + 1];
      if (token !== 'vrrp_instance' || name === undefined) return [];
      const priority = valueAfter(blockAt(tokens, index + 2), 'priority');
      return priority === undefined ? [] : [[name, Number(priority)] as const];
    }),
  );
}

/** What happens to the addresses of all instances together; null: they stay. */
export function addressChange(before: string, after: string): 'added' | 'removed' | 'replaced' | null {
  const all = (text: string) => new Set([...instances(text).values()].flatMap((it) => it.addresses));
  const [old, now] = [all(before), all(after)];
  const gone = [...old].some((it) => !now.has(it));
  const come = [...now].some((it) => !old.has(it));
  if (gone && come) return 'replaced';
  return gone ? 'removed' : come ? 'added' : null;
}

function instances(text: string): Map<string, Instance> {
  const tokens = tokenize(text);
  const globalVersion = valueAfter(tokens, 'vrrp_version') ?? '2';
  const found = new Map<string, Instance>();
  tokens.forEach((token, index) => {
    const name = tokens[index + 1];
    if (token !== 'vrrp_instance' || name === undefined) return;
    const body = blockAt(tokens, index + 2);
    const version = valueAfter(body, 'version') ?? globalVersion;
    const words = namedBlock(body, 'virtual_ipaddress');
    const addresses = words
      .filter((word) => /^[0-9a-fA-F.:]+(\/\d+)?$/.test(word))
      .map((it) => it.replace(/\/\d+$/, ''));
    const agreement = {
      vrid: valueAfter(body, 'virtual_router_id') ?? '',
      version,
      auth: `${valueAfter(body, 'auth_type') ?? ''} ${(valueAfter(body, 'auth_pass') ?? '').slice(0, 8)}`,
      unicast: body.includes('unicast_peer'),
      advertInt: version === '2' ? (valueAfter(body, 'advert_int') ?? '1') : '',
      addresses: [...addresses].sort().join(' '),
    };
    found.set(name, { agreement, addresses });
  });
  return found;
}

/** Words and braces; comments (`#`, `!`) end a line. */
function tokenize(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/[#!].*$/, ''))
    .join('\n')
    .replace(/[{}]/g, ' $& ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => word.replace(/^"(.*)"$/, '$1'));
}

function valueAfter(tokens: readonly string[], word: string): string | undefined {
  const at = tokens.indexOf(word);
  return at < 0 ? undefined : tokens[at + 1];
}

/** The words between the brace at `start` and its partner. */
function blockAt(tokens: readonly string[], start: number): string[] {
  if (tokens[start] !== '{') return [];
  let depth = 0;
  for (let index = start; index < tokens.length; index++) {
    if (tokens[index] === '{') depth++;
    if (tokens[index] === '}') depth--;
    if (depth === 0) return tokens.slice(start + 1, index);
  }
  return tokens.slice(start + 1);
}

function namedBlock(tokens: readonly string[], name: string): string[] {
  const at = tokens.indexOf(name);
  return at < 0 ? [] : blockAt(tokens, at + 1);
}
