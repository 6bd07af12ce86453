/** One line of haproxy.cfg, cut into words as HAProxy itself does it (configuration manual, 2.2 "Quoting and escaping"). */
export interface HaproxyLine {
  /** Without their quotes and escapes. */
  readonly words: readonly string[];
  readonly comment: boolean;
  /** Why the line would not end where it should. */
  readonly problem: string | undefined;
}

export function splitLine(line: string): HaproxyLine {
  if (/[\r\n]/.test(line))
    return { words: [], comment: false, problem: 'holds a line break: write one entry for each line' };
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]/.test(line)) {
    return { words: [], comment: false, problem: 'holds a control character' };
  }
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? '';
    if (char === '\\' && quote !== "'") {
      i++;
      const next = line[i];
      if (next === undefined) return { words, comment: false, problem: 'ends with a backslash' };
      word = (word ?? '') + next;
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '#') {
      if (word !== undefined) words.push(word);
      return { words, comment: true, problem: undefined };
    } else if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  const problem =
    quote === undefined ? undefined : `has a ${quote === '"' ? 'double' : 'single'} quote that is not closed`;
  return { words, comment: false, problem };
}

/** Words that end the section they stand in, and begin another or a condition. */
export const SECTIONS = new Set([
  'acme',
  'backend',
  'cache',
  'crt-store',
  'defaults',
  'fcgi-app',
  'frontend',
  'global',
  'http-errors',
  'listen',
  'log-forward',
  'log-profile',
  'mailers',
  'namespace_list',
  'peers',
  'program',
  'resolvers',
  'ring',
  'ruleset',
  'traces',
  'userlist',
  '.if',
  '.elif',
  '.else',
  '.endif',
]);

/** Why the line cannot stand as it is in the middle of a section. */
export function freeLineProblem(line: string): string | undefined {
  const { words, problem } = splitLine(line);
  if (problem !== undefined) return problem;
  const [first] = words;
  if (first !== undefined && SECTIONS.has(first)) {
    return first.startsWith('.') ? `starts a condition ("${first}")` : `starts a new section ("${first}")`;
  }
  return undefined;
}

/** The same for a text that is only a part of its line: a comment would swallow the rest. */
export function partOfLineProblem(text: string): string | undefined {
  const { words, comment, problem } = splitLine(text);
  if (problem !== undefined) return problem;
  if (comment) return 'holds a "#" outside quotes, which starts a comment';
  return words.length === 0 ? 'is empty' : undefined;
}

/** `balance` without what stands in parentheses or behind. */
export const BALANCE = [
  'roundrobin',
  'static-rr',
  'leastconn',
  'first',
  'source',
  'uri',
  'url_param',
  'hdr',
  'random',
  'rdp-cookie',
  'hash',
] as const;
