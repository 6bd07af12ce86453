import { X509Certificate } from 'node:crypto';
import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';

export interface CertificateFile {
  readonly path: string;
  /** What HAProxy uses it for: to show itself, to lead from that to an authority, or to judge others by. */
  readonly use: CertificateUse;
  /** Seconds until it expires, by the host's clock; negative: it has. null: it holds no certificate that can be read. */
  readonly expiresIn: number | null;
}

export type CertificateUse = 'own' | 'chain' | 'authority';

export interface CertificatePath {
  readonly path: string;
  readonly use: 'own' | 'authority' | 'list';
}

/** Where a configuration says that certificates are. */
export interface CertificatePlaces {
  readonly paths: readonly CertificatePath[];
  /** `crt-base`: what entries of a crt-list are relative to; null: there is none. */
  readonly base: string | null;
  /** `crt site.pem`: relative to a folder that only the running process knows, or an entry of a crt-store. */
  readonly unresolved: readonly string[];
}

export interface CertificateFacts {
  readonly files: readonly CertificateFile[];
  /** Entries of a crt-list that are relative where there is no `crt-base`. */
  readonly unresolved: readonly string[];
}

/**
 * Files, directories and lists that the `crt`, `ca-file` and `crt-list` of binds and servers name in a haproxy.cfg. HAProxy's
 * `crt-base` is for certificates, also those that a list names, but not for the list itself.
 */
export function certificatePlaces(config: string): CertificatePlaces {
  const lines = config.split('\n').map((line) => words(line));
  const base = (name: string) => lines.find(([word]) => word === name)?.[1];
  const bases = { own: base('crt-base'), authority: base('ca-base'), list: undefined };
  const found = new Map<string, CertificatePath>();
  const unresolved = new Set<string>();
  for (const line of lines) {
    if (!['bind', 'server', 'default-server'].includes(line[0] ?? '')) continue;
    line.forEach((word, index) => {
      const use = USES[word];
      const name = line[index + 1];
      // `@system-ca` and the like are no files.
      if (use === undefined || name === undefined || (use === 'authority' && name.startsWith('@'))) return;
      const folder = bases[use];
      const path = /^[/@]/.test(name) || folder === undefined ? name : `${folder}/${name}`;
      if (path.startsWith('/')) found.set(`${use} ${path}`, { path, use });
      else unresolved.add(`${word} ${name}`);
    });
  }
  return { paths: [...found.values()], base: bases.own ?? null, unresolved: [...unresolved] };
}

const USES: Readonly<Record<string, CertificatePath['use']>> = {
  crt: 'own',
  'ca-file': 'authority',
  'crt-list': 'list',
};

function words(line: string): string[] {
  return (line.replace(/(^|\s)#.*$/, '').match(/(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? []).map((word) =>
    word.replace(/["']/g, '').replace(/\\(.)/g, '$1'),
  );
}

/**
 * When the certificates expire. Only what stands between the marks of a certificate leaves the host: the same file
 * holds the private key. What a name means is as in HAProxy: of a directory the regular files, hidden ones as well, but for the
 * companions of a certificate; for a file that is not there those of a bundle.
 */
export function certificatesProbe({ paths, base }: CertificatePlaces): Probe<CertificateFacts> {
  const named = (use: CertificatePath['use']) => paths.filter((it) => it.use === use).map(({ path }) => path);
  return {
    key: `certificates:${paths.map(({ path, use }) => `${use} ${path}`).join(' ')} ${base ?? ''}`,
    script: sh`echo "now $(date +%s)"
base=${base ?? ''}
show() {
  [ -d "$2" ] || { one "$1" "$2"; return; }
  none=yes
  for f in "$2"/* "$2"/.[!.]*; do
    case $f in *.key|*.ocsp|*.issuer|*.sctl) continue ;; esac
    [ ! -f "$f" ] || { none=; one "$1" "$f"; }
  done
  [ -z "$none" ] || echo "file $1 $2"
}
one() {
  if [ "$1" = own ] && [ ! -e "$2" ]; then
    none=yes
    for kind in rsa dsa ecdsa; do [ ! -f "$2.$kind" ] || { none=; one own "$2.$kind"; }; done
    [ -n "$none" ] || return 0
  fi
  echo "file $1 $2"
  [ ! -f "$2" ] || [ ! -r "$2" ] || sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' "$2" | head -c 600000
}
for p in ${named('own')}; do show own "$p"; done
for p in ${named('authority')}; do show authority "$p"; done
for list in ${named('list')}; do
  [ -f "$list" ] || { echo "file own $list"; continue; }
  # The options of an entry may follow its name without a space; the last line may lack its end.
  tr '\r[' '\n ' <"$list" | while read -r p rest || [ -n "$p" ]; do
    case "$p $base" in
      ' '*|\#*) ;;
      /*) one own "$p" ;;
      @*|*' ') echo "unresolved $p in $list" ;;
      *) one own "$base/$p" ;;
    esac
  done
done
exit 0`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`certificates could not be read: ${stderr.trim()}`);
      const [head = '', ...pieces] = stdout.split(/^file /m);
      const now = Number(/^now (\d+)$/m.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(now)) return err('the answer about certificates was cut short');
      const unresolved = [...stdout.matchAll(/^unresolved (.*)$/gm)].map(([, entry = '']) => entry);
      return ok({ files: pieces.flatMap((piece) => parseFile(piece, now)), unresolved });
    },
  };
}

function parseFile(piece: string, now: number): CertificateFile[] {
  const [line = '', ...body] = piece.split('\n');
  const use = line.startsWith('own ') ? 'own' : 'authority';
  const path = line.slice(use.length + 1);
  const blocks = body.join('\n').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.flatMap((block) => read(block) ?? []);
  const left = (ends: readonly number[], choose: (...ends: number[]) => number) =>
    ends.length === 0 ? null : choose(...ends) - now;
  const ends = certificates.map(({ end }) => end);
  // Of authorities one that lasts is enough.
  if (use === 'authority') return [{ path, use, expiresIn: left(ends, Math.max) }];
  // HAProxy shows the first one and those that lead from it to an authority; that itself is of no account to a client.
  const chain = certificates.slice(1).flatMap(({ end, isRoot }) => (isRoot ? [] : [end]));
  const own: CertificateFile = { path, use, expiresIn: left(ends.slice(0, 1), Math.min) };
  return chain.length === 0 ? [own] : [own, { path, use: 'chain', expiresIn: left(chain, Math.min) }];
}

/** `end`: seconds since 1970. null where it is no certificate. */
function read(block: string): { readonly end: number; readonly isRoot: boolean } | null {
  try {
    const { validTo, subject, issuer } = new X509Certificate(block);
    return { end: Math.floor(Date.parse(validTo) / 1000), isRoot: subject === issuer };
  } catch {
    return null;
  }
}
