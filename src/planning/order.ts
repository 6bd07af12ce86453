/** Which hosts hold a virtual address now, and which the inventory prefers. */
export interface Standing {
  /** In the order of preference. */
  readonly hosts: readonly string[];
  readonly holders: ReadonlySet<string>;
}

/**
 * The hosts of a cluster, those without a virtual address first, then the holders, each kind from the least
 * preferred. While nobody holds one, the preferred host comes first.
 */
export function standbyFirst({ hosts, holders }: Standing): string[] {
  if (holders.size === 0) return [...hosts];
  const reversed = [...hosts].reverse();
  return [...reversed.filter((host) => !holders.has(host)), ...reversed.filter((host) => holders.has(host))];
}
