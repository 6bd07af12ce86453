import { X509Certificate } from 'node:crypto';
import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';

export interface CertificateFile {
  readonly path: string;
  /** What HAProxy uses it for: to show itself, or to judge others by. */
  readonly use: CertificateUse;
  /** Seconds until it expires, by the host's clock; negative: it has. null: it holds no certificate that can be read. */
  readonly expiresIn: number | null;
}

export type CertificateUse = 'own' | 'authority';

export interface CertificatePath {
  readonly path: string;
  readonly use: CertificateUse | 'list';
}

/** Files, directories and lists that the `crt`, `ca-file` and `crt-list` of binds and servers name in a haproxy.cfg. */
export function certificatePaths(config: string): CertificatePath[] {
  const lines = config.split('\n').map((line) => words(line));
  const base = (name: string) => lines.find(([word]) => word === name)?.[1];
  const bases = { own: base('crt-base'), authority: base('ca-base'), list: base('crt-base') };
  const found = new Map<string, CertificatePath>();
  for (const line of lines) {
    if (!['bind', 'server', 'default-server'].includes(line[0] ?? '')) continue;
    line.forEach((word, index) => {
      const use = USES[word];
      const name = line[index + 1];
      // `@system-ca` and the like are no files.
      if (use === undefined || name === undefined || name.startsWith('@')) return;
      const folder = bases[use];
      const path = name.startsWith('/') || folder === undefined ? name : `${folder}/${name}`;
      if (path.startsWith('/')) found.set(`${use} ${path}`, { path, use });
    });
  }
  return [...found.values()];
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
 * holds the private key.
 */
export function certificatesProbe(paths: readonly CertificatePath[]): Probe<readonly CertificateFile[]> {
  const named = (use: CertificatePath['use']) => paths.filter((it) => it.use === use).map(({ path }) => path);
  return {
    key: `certificates:${paths.map(({ path, use }) => `${use} ${path}`).join(' ')}`,
    script: sh`echo "now $(date +%s)"
show() {
  if [ -d "$2" ]; then for f in "$2"/*; do case $f in *.key|*.ocsp|*.issuer|*.sctl) ;; *) one "$1" "$f" ;; esac; done
  else one "$1" "$2"; fi
}
one() {
  echo "file $1 $2"
  [ ! -f "$2" ] || [ ! -r "$2" ] || sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' "$2" | head -c 600000
}
for p in ${named('own')}; do show own "$p"; done
for p in ${named('authority')}; do show authority "$p"; done
for list in ${named('list')}; do
  [ -f "$list" ] || { echo "file own $list"; continue; }
  while read -r p rest; do case $p in ''|\#*) ;; *) show own "$p" ;; esac; done <"$list"
done
exit 0`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`certificates could not be read: ${stderr.trim()}`);
      const [head = '', ...pieces] = stdout.split(/^file /m);
      const now = Number(/^now (\d+)\s*$/.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(now)) return err('the answer about certificates was cut short');
      return ok(pieces.map((piece) => parseFile(piece, now)));
    },
  };
}

function parseFile(piece: string, now: number): CertificateFile {
  const [line = '', ...body] = piece.split('\n');
  const use = line.startsWith('own ') ? 'own' : 'authority';
  const blocks = body.join('\n').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const ends = blocks.flatMap((block) => endOf(block) ?? []);
  // HAProxy shows the first one; of authorities one that lasts is enough.
  const end = use === 'own' ? ends[0] : ends.length > 0 ? Math.max(...ends) : undefined;
  return { path: line.slice(use.length + 1), use, expiresIn: end === undefined ? null : end - now };
}

/** Seconds since 1970; null where it is no certificate. */
function endOf(block: string): number | null {
  try {
    return Math.floor(Date.parse(new X509Certificate(block).validTo) / 1000);
  } catch {
    return null;
  }
}
