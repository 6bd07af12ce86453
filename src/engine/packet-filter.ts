export interface FilterOptions {
  /** Interfaces that VRRP uses. */
  readonly devices: readonly string[];
  /** ufw is switched off or opened before keepalived starts, so its chains do not count. */
  readonly ufwYields: boolean;
}

interface Chain {
  readonly name: string;
  readonly rules: readonly string[];
}

/**
 * Whether an input chain in force drops VRRP (IP protocol 112): the chain's name, else null. Reads what
 * `nft list ruleset` or `iptables-save` print. A chain drops by its policy or by an unconditional last word,
 * unless some rule accepts VRRP, or accepts more than certain ports. firewalld's own table is not looked at:
 * firewalld is asked itself.
 */
export function blocksVrrp(ruleset: string, options: FilterOptions): string | null {
  const tables =
    ruleset.includes('hook input') || /^table /m.test(ruleset) ? nftTables(ruleset) : iptablesTables(ruleset);
  for (const { name, chains } of tables) {
    if (name === 'inet firewalld') continue;
    if (options.ufwYields && chains.some((chain) => chain.name.startsWith('ufw'))) continue;
    const dropped = chains.find((chain) => chain.rules.some((rule) => dropsExplicitly(rule)));
    if (dropped !== undefined) return `${name} ${dropped.name}`;
    const input = chains.find(
      (chain) => chain.rules.some((rule) => /hook input\b/.test(rule)) || chain.name === 'INPUT',
    );
    if (input === undefined) continue;
    const closed =
      input.rules.some((rule) => /policy drop|^:INPUT DROP/.test(rule)) ||
      input.rules.some(unconditionalDrop);
    const rules = reachable(input, chains).flatMap((chain) => chain.rules);
    if (closed && !rules.some((rule) => mayAccept(rule, options.devices))) return `${name} ${input.name}`;
  }
  return null;
}

/** A chain and those that it jumps to: what a forward or output chain accepts says nothing of what comes in. */
function reachable(from: Chain, chains: readonly Chain[]): Chain[] {
  const found = [from];
  for (const chain of found) {
    const names = chain.rules.flatMap((rule) => /(?:\b(?:jump|goto)|-[jg]) (\S+)/.exec(rule)?.[1] ?? []);
    found.push(...chains.filter((it) => names.includes(it.name) && !found.includes(it)));
  }
  return found;
}

function isVrrp(rule: string): boolean {
  return /\b(?:protocol|l4proto|nexthdr)\s+(?:vrrp|112)\b|-p (?:vrrp|112)\b|\b(?:protocol|l4proto)\s+\{[^}]*\b(?:vrrp|112)\b/.test(
    rule,
  );
}

function dropsExplicitly(rule: string): boolean {
  return isVrrp(rule) && /\b(?:drop|reject)\b|-j (?:DROP|REJECT)/.test(rule);
}

function unconditionalDrop(rule: string): boolean {
  const bare = rule.replace(/counter packets \d+ bytes \d+/, '').trim();
  return /^(?:drop|reject\b.*)$/.test(bare) || /^-A INPUT -j (?:DROP|REJECT)\b/.test(bare);
}

/** Accepts VRRP, or everything of some kind that VRRP may belong to: an interface, a source, all. */
function mayAccept(rule: string, devices: readonly string[]): boolean {
  if (!/\baccept\b|-j ACCEPT/.test(rule) || /policy accept|^:/.test(rule)) return false;
  if (isVrrp(rule)) return true;
  if (
    /\b(?:tcp|udp|icmp|icmpv6|dport|sport|ct state|ctstate|esp|ah|igmp|protocol|l4proto|nexthdr)\b|(?:^|\s)(?:-p|--state)\s/.test(
      rule,
    )
  )
    return false;
  const device = /(?:iif(?:name)?\s+"?|-i )([A-Za-z0-9_.:@-]+)/.exec(rule)?.[1];
  return device === undefined || devices.includes(device);
}

function nftTables(text: string): { name: string; chains: Chain[] }[] {
  const tables: { name: string; chains: { name: string; rules: string[] }[] }[] = [];
  for (const line of text.split('\n').map((it) => it.trim())) {
    const table = /^table (\S+ \S+) \{/.exec(line)?.[1];
    const chain = /^chain (\S+) \{/.exec(line)?.[1];
    if (table !== undefined) tables.push({ name: table, chains: [] });
    else if (chain !== undefined) tables.at(-1)?.chains.push({ name: chain, rules: [] });
    else if (line !== '}' && line !== '') tables.at(-1)?.chains.at(-1)?.rules.push(line);
  }
  return tables;
}

function iptablesTables(text: string): { name: string; chains: Chain[] }[] {
  const filter = /^\*filter$([\s\S]*?)^COMMIT$/m.exec(text)?.[1];
  if (filter === undefined) return [];
  const chains = new Map<string, string[]>();
  for (const line of filter.split('\n')) {
    const name = /^(?::|-A )(\S+)/.exec(line)?.[1];
    if (name !== undefined) chains.set(name, [...(chains.get(name) ?? []), line]);
  }
  return [{ name: 'iptables filter', chains: [...chains].map(([name, rules]) => ({ name, rules })) }];
}
