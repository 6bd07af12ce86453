import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { matchesPatterns } from './glob.js';
import { keyType } from './key-blob.js';

/** One usable line of a known_hosts file, as sshd(8) describes it. */
export interface KnownHostsEntry {
  readonly marker: 'none' | 'cert-authority' | 'revoked';
  /** Patterns with commas, or one `|1|salt|hash`. */
  readonly hosts: string;
  readonly type: string;
  readonly key: Buffer;
  readonly file: string;
  /** Starts at 1. */
  readonly line: number;
}

export type HostKeyVerdict =
  | { readonly kind: 'known'; readonly entry: KnownHostsEntry }
  | { readonly kind: 'unknown' }
  /** The host is known by another key of the same type. */
  | { readonly kind: 'changed'; readonly entry: KnownHostsEntry }
  | { readonly kind: 'revoked'; readonly entry: KnownHostsEntry }
  /** Only certificates of an authority are accepted for this host; those cannot be checked here. */
  | { readonly kind: 'authority-only'; readonly entry: KnownHostsEntry };

/** The name that ssh looks up: `host`, or `[host]:port` for another port than 22. In lower case. */
export function knownHostsName(hostname: string, port: number): string {
  const name = hostname.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Lines that hold no key that can be read are passed over, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownHostsEntry[] {
  return text.split('\n').flatMap((line, index) => parseLine(line, file, index + 1) ?? []);
}

function parseLine(text: string, file: string, line: number): KnownHostsEntry | null {
  const words = text.split(/[ \t\r]+/).filter((word) => word !== '');
  let marker: KnownHostsEntry['marker'] = 'none';
  if (words[0]?.startsWith('@')) {
    const word = words.shift();
    if (word !== '@cert-authority' && word !== '@revoked') return null;
    marker = word === '@revoked' ? 'revoked' : 'cert-authority';
  }
  const [hosts, type, base64] = words;
  if (hosts === undefined || type === undefined || base64 === undefined || hosts.startsWith('#')) return null;
  if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return null;
  const key = Buffer.from(base64, 'base64');
  return keyType(key) === type ? { marker, hosts, type, key, file, line } : null;
}

/** Whether a line's first field means the host of this name (see `knownHostsName`). */
export function matchesHost(hosts: string, name: string): boolean {
  return hosts.startsWith('|') ? matchesHash(hosts, name) : matchesPatterns(hosts.split(','), name);
}

function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt, hash, ...rest] = hosts.split('|');
  if (version !== '1' || salt === undefined || hash === undefined || rest.length > 0) return false;
  const wanted = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}

/** As HashKnownHosts has it: nobody who reads the file learns the name. */
export function hashedName(name: string): string {
  const salt = randomBytes(20);
  const hash = createHmac('sha1', salt).update(name).digest('base64');
  return `|1|${salt.toString('base64')}|${hash}`;
}

/** The entries for one host, in the files' order. */
export function entriesFor(entries: readonly KnownHostsEntry[], name: string): KnownHostsEntry[] {
  return entries.filter((entry) => matchesHost(entry.hosts, name));
}

/** What the entries of one host (see `entriesFor`) say about the key that it showed. */
export function judgeHostKey(entries: readonly KnownHostsEntry[], key: Buffer): HostKeyVerdict {
  const revoked = entries.find((entry) => entry.marker === 'revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', entry: revoked };
  const plain = entries.filter((entry) => entry.marker === 'none');
  const same = plain.find((entry) => entry.key.equals(key));
  if (same !== undefined) return { kind: 'known', entry: same };
  const type = keyType(key);
  const other = plain.find((entry) => entry.type === type);
  if (other !== undefined) return { kind: 'changed', entry: other };
  const authority = entries.find((entry) => entry.marker === 'cert-authority');
  if (authority === undefined || plain.length > 0) return { kind: 'unknown' };
  return { kind: 'authority-only', entry: authority };
}
