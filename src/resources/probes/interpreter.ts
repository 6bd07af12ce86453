import { type Command, sh } from '../../base/shell.js';

/** The same small program twice: EL has a python for dnf, Debian has perl in its base system. */
export interface Interpreted {
  readonly python: string;
  readonly perl: string;
}

/**
 * Shell function `NAME ARGUMENT…` that runs the program in whatever interpreter is there, at most `limit` seconds;
 * it fails where there is none.
 */
export function interpreted(
  name: 'listen' | 'arp' | 'adverts',
  program: Interpreted,
  limit: number,
): Command {
  const head = { listen: sh`listen()`, arp: sh`arp()`, adverts: sh`adverts()` }[name];
  return sh`${head} {
  if command -v python3 >/dev/null; then timeout ${limit} python3 -c ${program.python} "$@"
  elif [ -x /usr/libexec/platform-python ]; then timeout ${limit} /usr/libexec/platform-python -c ${program.python} "$@"
  elif command -v perl >/dev/null; then timeout ${limit} perl -e ${program.perl} "$@"
  else return 127; fi
}`;
}
