import type { Diagnostic } from '../base/diagnostic.js';
import { quote } from '../base/shell.js';
import type { StrictHostKeyChecking } from '../inventory/model.js';
import { failure, hostDiagnostic } from './failures.js';
import { fingerprint, keyType } from './key-blob.js';
import {
  entriesFor,
  type HostKeyVerdict,
  judgeHostKey,
  type KnownHostsEntry,
  knownHostsName,
} from './known-hosts.js';
import { type Target, viaArguments } from './target.js';
import type { TransportError } from './types.js';

/** The signature algorithms of the host keys that can be verified, best first. ssh-rsa with SHA-1 is not among them. */
const ALGORITHMS: readonly (readonly [algorithm: string, keyType: string])[] = [
  ['ssh-ed25519', 'ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384'],
  ['ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'ssh-rsa'],
  ['rsa-sha2-256', 'ssh-rsa'],
];

/** What is to be done about a host's key. */
export type Trust =
  | {
      readonly accept: true;
      readonly by: KnownHostsEntry | null;
      readonly add: boolean;
      readonly warning?: Diagnostic;
    }
  | {
      readonly accept: false;
      readonly error: TransportError;
      /** Whoever sits at the terminal may decide otherwise: what to ask there. */
      readonly question?: string;
    };

/** All that is known about one host's keys, and the answer to the key that it shows. */
export class HostTrust {
  readonly #target: Target;
  readonly #mode: StrictHostKeyChecking;
  readonly #entries: readonly KnownHostsEntry[];
  /** Entries without the port: ssh accepts those keys too when the name with the port is unknown. */
  readonly #portless: readonly KnownHostsEntry[];
  readonly #file: string | null;
  #confirmed: Buffer | null = null;

  /** `file` is where a new key is (to be) written; null: nowhere. */
  constructor(target: Target, entries: readonly KnownHostsEntry[], file: string | null) {
    this.#target = target;
    this.#mode = target.strictHostKeyChecking;
    this.#entries = entriesFor(entries, target.keyName);
    const { portlessKeyName } = target;
    this.#portless = portlessKeyName === null ? [] : entriesFor(entries, portlessKeyName);
    this.#file = file;
  }

  /**
   * What to offer the server: only the types of the keys that are known for it, or it would choose one that is
   * not known. Where none is known, or any key will do, all of them, a familiar type first.
   */
  get algorithms(): string[] {
    const typesOf = (entries: readonly KnownHostsEntry[]) =>
      new Set(entries.filter((entry) => entry.marker === 'none').map((entry) => entry.type));
    const known = typesOf(this.#entries);
    const usable = ALGORITHMS.filter(([, type]) => known.has(type));
    const familiar = known.size > 0 ? known : typesOf(this.#portless);
    const all = [
      ...ALGORITHMS.filter(([, type]) => familiar.has(type)),
      ...ALGORITHMS.filter(([, type]) => !familiar.has(type)),
    ];
    return (usable.length > 0 && this.#mode !== 'no' ? usable : all).map(([algorithm]) => algorithm);
  }

  /** Which key types are known, as known_hosts names them; for messages. */
  get knownTypes(): string[] {
    return [...new Set(this.#entries.filter((entry) => entry.marker === 'none').map((entry) => entry.type))];
  }

  /** Somebody compared the fingerprint and said yes. */
  confirm(key: Buffer): void {
    this.#confirmed = key;
  }

  decide(key: Buffer): Trust {
    const verdict = judgeHostKey(this.#entries, key);
    if (verdict.kind === 'known') return { accept: true, by: verdict.entry, add: false };
    if (verdict.kind === 'unknown') return this.#decideUnknown(key);
    if (verdict.kind === 'changed' && this.#mode === 'no') {
      const { code, summary, detail, hint } = this.#problem(key, verdict);
      const warning = hostDiagnostic(this.#target.host, 'warning', {
        code,
        detail,
        hint,
        summary: `${summary}; accepted because of strict_host_key_checking: no`,
      });
      return { accept: true, by: null, add: false, warning };
    }
    return { accept: false, error: failure('unreachable', this.#target.host, this.#problem(key, verdict)) };
  }

  #decideUnknown(key: Buffer): Trust {
    const portless = judgeHostKey(this.#portless, key);
    if (portless.kind === 'known') return { accept: true, by: portless.entry, add: false };
    if (portless.kind === 'revoked') {
      return {
        accept: false,
        error: failure('unreachable', this.#target.host, this.#problem(key, portless)),
      };
    }
    if (this.#mode === 'accept-new' || this.#mode === 'no' || this.#confirmed?.equals(key))
      return { accept: true, by: null, add: true };
    const { host, name, keyName } = this.#target;
    const shown = `It is of type ${keyType(key)}, fingerprint ${fingerprint(key)}.`;
    const error = failure('unreachable', host, {
      code: 'host-key-unknown',
      summary: `the host key of ${name} (${keyName}) is not known`,
      detail: shown,
      hint: `compare that fingerprint with the host's own (on it: \`ssh-keygen -lf /etc/ssh/ssh_host_${shortType(key)}_key.pub\`); if they are equal, add the key: \`${this.#addCommand()}\``,
    });
    if (this.#mode !== 'ask') return { accept: false, error };
    const known =
      this.knownTypes.length === 0 ? '' : ` (other keys of it are: ${this.knownTypes.join(', ')})`;
    const where = this.#file === null ? 'It will not be kept.' : `It goes to ${this.#file}.`;
    return {
      accept: false,
      error,
      question: `The host key of ${name} (${keyName}) is not known${known}.\n${shown}\n${where}\nConnect (yes/no/the fingerprint)? `,
    };
  }

  /** ssh-keyscan goes through no other host, and writes no other name than the one that it was given. */
  #addCommand(): string {
    const { hostname, port, route, keyName } = this.#target;
    const file = this.#file ?? '~/.ssh/known_hosts';
    const isAlias = keyName !== knownHostsName(hostname, port);
    if (route.kind === 'direct' && !isAlias)
      return `ssh-keyscan -p ${port} ${quote(hostname)} >> ${quote(file)}`;
    const alias = isAlias ? `-o HostKeyAlias=${quote(keyName)} ` : '';
    return `ssh -o UserKnownHostsFile=${quote(file)} ${alias}${viaArguments(this.#target)}`;
  }

  #problem(key: Buffer, verdict: Exclude<HostKeyVerdict, { kind: 'known' | 'unknown' }>) {
    const { name, keyName } = this.#target;
    const { entry } = verdict;
    const place = `${entry.file}:${entry.line}`;
    const shown = `${keyType(key)} ${fingerprint(key)}`;
    switch (verdict.kind) {
      case 'changed':
        return {
          code: 'host-key-changed',
          summary: `the host key of ${name} (${keyName}) is not the one in ${place}`,
          detail: `The host shows ${shown}; known is ${fingerprint(entry.key)}. Either the host was set up anew, or another machine answers in its place.`,
          hint: `if the host was set up anew, remove the old key: \`ssh-keygen -f ${quote(entry.file)} -R ${quote(keyName)}\``,
        };
      case 'revoked':
        return {
          code: 'host-key-revoked',
          summary: `the host key of ${name} (${keyName}) is marked as revoked in ${place}`,
          detail: `The host shows ${shown}.`,
          hint: 'give the host new keys (`ssh-keygen -A` after removing the old ones), or find out who answers in its place',
        };
      case 'authority-only':
        return {
          code: 'host-key-authority',
          summary: `for ${name} (${keyName}) known_hosts names only a certificate authority (${place}), and host certificates are not supported yet`,
          detail: `The host shows ${shown}.`,
          hint: `add the host's own key as well: \`${this.#addCommand()}\`, and compare its fingerprint`,
        };
    }
  }
}

/** As in the names of /etc/ssh/ssh_host_*_key. */
function shortType(key: Buffer): string {
  return /ed25519|ecdsa|rsa/.exec(keyType(key))?.[0] ?? '*';
}
