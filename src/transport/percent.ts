import { createHash } from 'node:crypto';
import { hostname as localHostname, userInfo } from 'node:os';
import { join } from 'node:path';

/** What the percent signs of ssh_config(5) stand for. */
export interface Tokens {
  /** As it was given to ssh: %n. */
  readonly name: string;
  /** %h */
  readonly hostname: string;
  /** %p */
  readonly port: number;
  /** %r */
  readonly user: string;
  /** %u */
  readonly localUser: string;
  /** %d */
  readonly homeDir: string;
  /** %k */
  readonly keyAlias: string | null;
  /** %j */
  readonly proxyJump: string;
}

/** Percent signs only, as in ProxyCommand and HostName. An unknown one stays as it is. */
export function expandPercent(text: string, tokens: Tokens): string {
  const values: Record<string, () => string> = {
    '%': () => '%',
    n: () => tokens.name,
    h: () => tokens.hostname,
    p: () => String(tokens.port),
    r: () => tokens.user,
    u: () => tokens.localUser,
    d: () => tokens.homeDir,
    i: () => String(process.getuid?.() ?? ''),
    k: () => tokens.keyAlias ?? tokens.name,
    j: () => tokens.proxyJump,
    l: localHostname,
    L: () => localHostname().split('.')[0] ?? '',
    C: () =>
      createHash('sha1')
        .update(`${localHostname()}${tokens.hostname}${tokens.port}${tokens.user}${tokens.proxyJump}`)
        .digest('hex'),
  };
  return text.replace(/%(.)/g, (whole, letter: string) => values[letter]?.() ?? whole);
}

/** A file's name: percent signs, `${NAME}`, and `~` in front. */
export function expandPath(
  text: string,
  tokens: Tokens,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const expanded = expandPercent(text, tokens).replace(
    /\$\{(\w+)\}/g,
    (whole, name: string) => env[name] ?? whole,
  );
  if (expanded === '~') return tokens.homeDir;
  if (expanded.startsWith('~/')) return join(tokens.homeDir, expanded.slice(2));
  const other = /^~([^/]+)\/(.*)$/.exec(expanded);
  // Another user's home directory is known only where it is our own.
  if (other?.[1] !== undefined && other[1] === ownName()) return join(tokens.homeDir, other[2] ?? '');
  return expanded;
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
