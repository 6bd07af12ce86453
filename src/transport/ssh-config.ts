import { userInfo } from 'node:os';
import type { StrictHostKeyChecking } from '../inventory/model.js';
import { appliesTo, type Directive } from './config-files.js';

/** What ssh_config(5) files say about one name, as far as lbctl gives effect to it. Null and empty: nothing. */
export interface SshConfig {
  readonly hostname: string | null;
  readonly user: string | null;
  readonly port: number | null;
  /** As written: `~` and percent signs are not replaced. Empty: `none`. */
  readonly identityFiles: readonly string[] | null;
  readonly identitiesOnly: boolean;
  /** `none`, `SSH_AUTH_SOCK`, `$NAME` or a path. */
  readonly identityAgent: string | null;
  readonly proxyJump: string | null;
  readonly proxyCommand: string | null;
  readonly userKnownHostsFiles: readonly string[] | null;
  readonly globalKnownHostsFiles: readonly string[] | null;
  readonly strictHostKeyChecking: StrictHostKeyChecking | null;
  readonly hostKeyAlias: string | null;
  /** Seconds. */
  readonly connectTimeout: number | null;
  /** Seconds. */
  readonly serverAliveInterval: number | null;
  readonly serverAliveCountMax: number | null;
  readonly hashKnownHosts: boolean;
  /** Nothing may be asked. */
  readonly batchMode: boolean;
  readonly passwordAuthentication: boolean;
  readonly keyboardInteractive: boolean;
}

export const NO_CONFIG: SshConfig = {
  hostname: null,
  user: null,
  port: null,
  identityFiles: null,
  identitiesOnly: false,
  identityAgent: null,
  proxyJump: null,
  proxyCommand: null,
  userKnownHostsFiles: null,
  globalKnownHostsFiles: null,
  strictHostKeyChecking: null,
  hostKeyAlias: null,
  connectTimeout: null,
  serverAliveInterval: null,
  serverAliveCountMax: null,
  hashKnownHosts: false,
  batchMode: false,
  passwordAuthentication: true,
  keyboardInteractive: true,
};

/** The keywords that can change the above. `canonical…` changes which name is asked for, `include` is one that only ssh can follow. */
const RELEVANT: ReadonlySet<string> = new Set([
  'hostname',
  'user',
  'port',
  'identityfile',
  'identitiesonly',
  'identityagent',
  'proxyjump',
  'proxycommand',
  'userknownhostsfile',
  'globalknownhostsfile',
  'stricthostkeychecking',
  'hostkeyalias',
  'connecttimeout',
  'serveraliveinterval',
  'serveralivecountmax',
  'hashknownhosts',
  'batchmode',
  'passwordauthentication',
  'kbdinteractiveauthentication',
  'challengeresponseauthentication',
  'canonicalizehostname',
  'include',
]);

/**
 * The answer where it can be given without asking ssh: when nothing in the files that matters here can apply to
 * the name, but for HashKnownHosts, which Debian sets for all hosts. Else null.
 */
export function plainAnswer(directives: readonly Directive[], name: string): SshConfig | null {
  let hash: boolean | null = null;
  for (const directive of directives) {
    if (!RELEVANT.has(directive.keyword)) continue;
    const applies = appliesTo(directive, name);
    if (applies === 'no') continue;
    if (applies === 'perhaps' || directive.keyword !== 'hashknownhosts') return null;
    hash ??= isYes(directive.words[0]);
  }
  return { ...NO_CONFIG, hashKnownHosts: hash ?? false };
}

/** Names and values as `ssh -G` prints them: several lines for IdentityFile. */
export type Settings = ReadonlyMap<string, readonly string[]>;

export function parseSettings(text: string): Settings {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at < 0) continue;
    const name = line.slice(0, at).toLowerCase();
    settings.set(name, [...(settings.get(name) ?? []), line.slice(at + 1).trim()]);
  }
  return settings;
}

/** `defaults`: what ssh says without any file; a value equal to it was not configured, or might as well not be. */
export function configOf(
  settings: Settings,
  defaults: Settings,
  directives: readonly Directive[],
): SshConfig {
  const all = (name: string): readonly string[] | null => {
    const values = settings.get(name);
    return values === undefined || values.join('\n') === (defaults.get(name) ?? []).join('\n')
      ? null
      : values;
  };
  const one = (name: string): string | null => {
    const value = all(name)?.[0];
    return value === undefined || value === '' || value.toLowerCase() === 'none' ? null : value;
  };
  const number = (name: string): number | null => {
    const value = Number(one(name) ?? Number.NaN);
    return Number.isFinite(value) ? value : null;
  };
  const isWritten = (name: string, value: string) =>
    directives.some((it) => it.keyword === name && it.words.join(' ') === value);
  const files = (name: string): string[] | null => {
    const value = all(name)?.join(' ');
    return value === undefined
      ? null
      : fileNames(
          value,
          directives.filter((it) => it.keyword === name),
        );
  };
  const command = one('proxycommand');
  return {
    hostname: one('hostname'),
    user: one('user'),
    port: number('port'),
    identityFiles: all('identityfile')?.filter((file) => file.toLowerCase() !== 'none') ?? null,
    identitiesOnly: isYes(one('identitiesonly')),
    // Here `none` is a value.
    identityAgent: all('identityagent')?.[0] ?? null,
    // With -G ssh shows whichever of the two came first.
    proxyJump: command === null ? one('proxyjump') : null,
    proxyCommand: command,
    userKnownHostsFiles: files('userknownhostsfile'),
    globalKnownHostsFiles: files('globalknownhostsfile'),
    strictHostKeyChecking: strictness(one('stricthostkeychecking')),
    hostKeyAlias: one('hostkeyalias'),
    connectTimeout: number('connecttimeout'),
    // 0 is ssh's default, and does not count as configured unless a line says so.
    serverAliveInterval: number('serveraliveinterval') ?? (isWritten('serveraliveinterval', '0') ? 0 : null),
    serverAliveCountMax: number('serveralivecountmax'),
    hashKnownHosts: isYes(one('hashknownhosts')),
    batchMode: isYes(one('batchmode')),
    passwordAuthentication: !isNo(one('passwordauthentication')),
    keyboardInteractive: !isNo(one('kbdinteractiveauthentication') ?? one('challengeresponseauthentication')),
  };
}

/**
 * Several names, as ssh prints them: with `~` replaced, and with nothing but a space between them. Where a name has a space
 * of its own, the line that the value comes from tells them apart.
 */
function fileNames(value: string, lines: readonly Directive[]): string[] {
  const home = (word: string) => word.replace(/^~(?=\/)/, passwdHome());
  const line = lines.find(
    ({ words }) =>
      words.some((word) => /\s/.test(word)) && [words.join(' '), words.map(home).join(' ')].includes(value),
  );
  return line === undefined ? value.split(/\s+/).filter((file) => file !== '') : [...line.words];
}

/** Empty where the user id has no name. */
export function passwdHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    return '';
  }
}

function strictness(value: string | null): StrictHostKeyChecking | null {
  if (value === null) return null;
  if (isYes(value)) return 'yes';
  if (isNo(value) || value === 'off') return 'no';
  return value === 'accept-new' ? 'accept-new' : 'ask';
}

function isYes(value: string | null | undefined): boolean {
  return /^(?:yes|true)$/i.test(value ?? '');
}

function isNo(value: string | null | undefined): boolean {
  return /^(?:no|false)$/i.test(value ?? '');
}
