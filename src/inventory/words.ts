/** The rule for the names of clusters, hosts, instances, frontends, backends and servers. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function nameProblem(name: string): string | undefined {
  return NAME.test(name)
    ? undefined
    : 'must start with a letter or digit, and hold only letters, digits, "_", "." and "-"';
}

/** Linux takes up to 15 bytes without slash and space; keepalived and shells want less. */
export function interfaceProblem(name: string): string | undefined {
  if (name.length > 15) return 'is longer than the 15 characters that Linux allows';
  if (name === '.' || name === '..') return 'is not a name that Linux allows';
  return /^[A-Za-z0-9_][A-Za-z0-9_.:@-]*$/.test(name)
    ? undefined
    : 'must start with a letter or digit, and hold only letters, digits, "_", ".", ":", "@" and "-"';
}

export function userProblem(user: string): string | undefined {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$/.test(user)
    ? undefined
    : 'must start with a letter or digit, and hold only letters, digits, "_", ".", "@", "+" and "-"';
}

/** A DNS name or an IPv4 address; IPv6 is told apart before. */
export function hostnameProblem(name: string): string | undefined {
  if (name.length > 253) return 'is longer than 253 characters';
  return /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(
    name,
  )
    ? undefined
    : 'must be a host name: letters, digits, "." and "-", not starting with "-"';
}

const PATH_BREAKERS = /[\s"'`$;&|<>(){}[\]*?!#%\\\u0000-\u001f\u007f-\u009f]/;

/** File names that pass through a shell, ssh and a configuration line as the one word they are. */
export function pathProblem(path: string): string | undefined {
  if (path.startsWith('-')) return 'starts with "-": programs would take it for an option';
  if (path.startsWith('~') && path !== '~' && !path.startsWith('~/'))
    return 'names another user\'s home ("~" alone works)';
  const found = PATH_BREAKERS.exec(path);
  if (found === null) return undefined;
  return /\s/.test(found[0])
    ? 'holds a space or a line break'
    : 'holds a character that a shell or ssh would interpret';
}

/** `[user@]host[:port]`, as ssh and its ProxyJump take it. */
export function destinationProblem(text: string): string | undefined {
  const match = /^(?:([^@]*)@)?(\[[^\]]*\]|[^:@]*)(?::([0-9]+))?$/.exec(text);
  if (match === null) return 'must be written as [user@]host[:port]';
  const [, user, host = '', port] = match;
  const user_ = user === undefined ? undefined : userProblem(user);
  if (user_ !== undefined) return `has a user that ${user_}`;
  if (!/^\[[0-9A-Fa-f:.]+\]$/.test(host)) {
    const problem = hostnameProblem(host);
    if (problem !== undefined) return `has a host that ${problem}`;
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return 'has a port that is not from 1 to 65535';
  return undefined;
}

/**
 * keepalived.conf(5): a comment starts at any # or !, braces are blocks, and version 2 has room for 8 bytes:
 * longer ones are cut without a word.
 */
export function authPassProblem(password: string): string | undefined {
  if (password === '') return 'is empty';
  if (/[\s\u0000-\u001f\u007f]/.test(password)) return 'holds a space, a line break or a control character';
  if (!/^[!-~]*$/.test(password)) return 'holds a character that is not ASCII';
  if (/["'\\#!{}]/.test(password))
    return 'holds one of " \' \\ # ! { }, which keepalived.conf would interpret';
  if (password.length > 8) return 'is longer than 8 characters: keepalived would cut it without a word';
  return undefined;
}
