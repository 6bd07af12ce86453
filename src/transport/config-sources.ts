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
  ['IdentityFile', (it) => it.identityFiles.join(' ') || null],
  ['IdentitiesOnly', (it) => it.identitiesOnly || null],
  ['IdentityAgent', (it) => it.identityAgent],
  ['ProxyJump', (it) => it.proxyJump],
  ['ProxyCommand', (it) => it.proxyCommand],
  ['UserKnownHostsFile', (it) => it.userKnownHostsFiles?.join(' ')],
  ['GlobalKnownHostsFile', (it) => it.globalKnownHostsFiles?.join(' ')],
  ['StrictHostKeyChecking', (it) => it.strictHostKeyChecking],
  ['HostKeyAlias', (it) => it.hostKeyAlias],
  ['ConnectTimeout', (it) => it.connectTimeout],
  ['ServerAliveInterval', (it) => it.serverAliveInterval],
];

/** The first directive of each keyword that applies is the one that ssh took. */
export function sourcesOf(
  config: SshConfig,
  directives: readonly Directive[],
  applied: ReadonlySet<string> | null,
  name = '',
): ConfigSource[] {
  const isIn = (directive: Directive) =>
    applied === null
      ? appliesTo(directive, name) !== 'no'
      : directive.blocks.every((block) => applied.has(`${block.file}:${block.line}`));
  return SHOWN.flatMap(([keyword, read]) => {
    const value = read(config) ?? null;
    if (value === null) return [];
    const from = directives.filter((it) => it.keyword === keyword.toLowerCase() && isIn(it));
    const used = keyword === 'IdentityFile' ? from : from.slice(0, 1);
    if (used.length === 0) return [];
    return [{ keyword, value: String(value), place: used.map((it) => `${it.file}:${it.line}`).join(', ') }];
  });
}
