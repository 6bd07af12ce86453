/** `*` and `?`; no regular expression, which a pattern of many stars could keep busy for minutes. */
export function matchesGlob(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** As glob(7) has it for the name of a file: `*`, `?`, `[a-z]`, `[!a-z]`. For patterns of the user's own only. */
export function matchesFileGlob(pattern: string, name: string): boolean {
  const source = pattern.replace(
    /\[([!^]?)(\]?[^\]]*)\]|[\s\S]/g,
    (char, negated: string, members: string | undefined) => {
      if (members !== undefined)
        return `[${negated === '' ? '' : '^'}${members.replace(/[\\[\]^]/g, '\\$&')}]`;
      if (char === '*') return '.*';
      return char === '?' ? '.' : char.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    },
  );
  try {
    return new RegExp(`^${source}$`, 's').test(name);
  } catch {
    // `[z-a]` fits nothing.
    return false;
  }
}

/** One pattern has to match and no negated one may. `name` is in lower case. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  let matched = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!');
    if (!matchesGlob((negated ? pattern.slice(1) : pattern).toLowerCase(), name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}
