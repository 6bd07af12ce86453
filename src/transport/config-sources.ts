import { appliesTo, type Directive } from './config-files.js';
import type { SshConfig } from './ssh-config.js';

export interface ConfigSource {
  /** As in ssh_config(5). */
  readonly keyword: string;
  readonly value: string;
  /** `FILE:LINE`. */
  readonly place: string;
}

/** `FILE:LINE` of the Host and Match lines that ssh found to apply, from its own account of what it does (-vvv). */
export function appliedLines(stderr: string): ReadonlySet<string> {
  const applied = new Set<string>();
  let match: string | null = null;
  for (const line of stderr.split('\n')) {
    const host = /^debug1: (.+) line (\d+): Applying options for /.exec(line);
    if (host) applied.add(`${host[1]}:${host[2]}`);
    const condition = /^debug3: (.+) line (\d+): (?:not )?matched /.exec(line);
    if (condition) match = `${condition[1]}:${condition[2]}`;
    if (/^debug2: match found/.test(line) && match !== null) applied.add(match);
    if (/^debug2: match /.test(line)) match = null;
  }
  return applied;
}

const SHOWN: readonly (readonly [keyword: string, value: (config: SshConfig) => unknown])[] = [
  ['HostName', (it) => it.hostname],
  ['User', (it) => it.user],
  ['Port', (it) => it.port],
  ['IdentityFile', (it) => it.identityFiles?.join(' ') || (it.identityFiles && 'none')],
  ['IdentitiesOnly', (it) => (it.identitiesOnly ? 'yes' : null)],
  ['IdentityAgent', (it) => it.identityAgent],
  ['ProxyJump', (it) => it.proxyJump],
  ['ProxyCommand', (it) => it.proxyCommand],
  ['UserKnownHostsFile', (it) => it.userKnownHostsFiles?.join(' ')],
  ['GlobalKnownHostsFile', (it) => it.globalKnownHostsFiles?.join(' ')],
  ['StrictHostKeyChecking', (it) => it.strictHostKeyChecking],
  ['HostKeyAlias', (it) => it.hostKeyAlias],
  ['ConnectTimeout', (it) => it.connectTimeout],
  ['ServerAliveInterval', (it) => it.serverAliveInterval],
  ['ServerAliveCountMax', (it) => it.serverAliveCountMax],
  ['HashKnownHosts', (it) => (it.hashKnownHosts ? 'yes' : null)],
  ['BatchMode', (it) => (it.batchMode ? 'yes' : null)],
  ['PasswordAuthentication', (it) => (it.passwordAuthentication ? null : 'no')],
  ['KbdInteractiveAuthentication', (it) => (it.keyboardInteractive ? null : 'no')],
];

/** The directives that apply to a name. `applied`: see above; null: unknown, and every Match may. */
export function applying(
  directives: readonly Directive[],
  applied: ReadonlySet<string> | null,
  name: string,
): Directive[] {
  return directives.filter((directive) =>
    applied === null
      ? appliesTo(directive, name) !== 'no'
      : directive.blocks.every(
          ({ keyword, words, file, line }) =>
            // ssh does not say of which line a `Match all` is.
            (keyword === 'match' && words.join(' ').toLowerCase() === 'all') ||
            applied.has(`${file}:${line}`),
        ),
  );
}

/** Of these two the first one that is written makes the other one void. */
const EITHER: readonly string[] = ['ProxyJump', 'ProxyCommand'];

/**
 * The first of the applying directives of each keyword is the one that ssh took, also where it says what would hold without
 * it (`User root` for root), which the configuration does not tell.
 */
export function sourcesOf(config: SshConfig, directives: readonly Directive[]): ConfigSource[] {
  return SHOWN.flatMap(([keyword, read]) => {
    const from = directives.filter((it) => it.keyword === keyword.toLowerCase());
    const used = keyword === 'IdentityFile' ? from : from.slice(0, 1);
    const written = EITHER.includes(keyword) ? null : used[0]?.words.join(' ');
    const value = read(config) ?? written ?? null;
    if (used.length === 0 || value === null) return [];
    return [{ keyword, value: String(value), place: used.map((it) => `${it.file}:${it.line}`).join(', ') }];
  });
}
