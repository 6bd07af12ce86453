import { createTwoFilesPatch } from 'diff';
import { Secret } from '../base/secret.js';
import { Text } from '../base/text.js';

const HIDDEN = '********';

/** Words after which a configuration file names a secret. The old text may hold secrets that we never knew. */
const SECRET_WORDS = [
  /(\bauth_pass\s+)(?:"[^"\n]*"|\S+)/g,
  /(\b(?:insecure-)?password\s+)(?![=:])(?:"[^"\n]*"|\S+)/g,
  /(\bstats\s+auth\s+[^:\s]+:)\S+/g,
  /((?:password|passwd|passphrase|secret|token|api[_-]?key)["']?[ \t]*[=:][ \t]*["']?)[^\s"']{4,}/gi,
  /(\bauthorization\b[^\n]{0,9}\b(?:Basic|Bearer)\\?\s+)[^\s"']{4,}/gi,
  /(-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n)[\s\S]*?(?=-----END |$(?![\s\S]))/g,
];

/** Milliseconds after which a diff is not worth waiting for. */
const DIFF_LIMIT = 500;

export function hideSecrets(text: string, secrets: readonly string[] = []): string {
  const known = secrets.filter((secret) => secret !== '');
  const replaced = known.reduce((result, secret) => result.replaceAll(secret, HIDDEN), text);
  return SECRET_WORDS.reduce((result, word) => result.replace(word, `$1${HIDDEN}`), replaced);
}

/** A configuration text in which the passwords that it holds in plain sight are secrets. */
export function markSecrets(text: string): Text {
  const places = SECRET_WORDS.flatMap((word) =>
    [...text.matchAll(word)].map((match) => {
      const start = match.index + (match[1]?.length ?? 0);
      return { start, end: match.index + match[0].length };
    }),
  ).sort((a, b) => a.start - b.start);
  const parts: (string | Secret)[] = [];
  let at = 0;
  for (const { start, end } of places) {
    if (start < at) continue;
    parts.push(text.slice(at, start), new Secret(text.slice(start, end)));
    at = end;
  }
  return new Text([...parts, text.slice(at)]);
}

/** A unified diff of a file, with the secrets of both sides hidden; says so where only a secret differs. */
export function fileDiff(path: string, before: string | null, after: Text): string {
  const secrets = after.secrets().map((secret) => secret.reveal());
  const old = hideSecrets(before ?? '', secrets);
  const now = hideSecrets(after.reveal(), secrets);
  if (old === now) return `--- ${path}\n+++ ${path}\n only a secret differs\n`;
  const patch = createTwoFilesPatch(before === null ? '/dev/null' : path, path, old, now, '', '', {
    context: 3,
    timeout: DIFF_LIMIT,
  });
  if (patch === undefined) return `--- ${path}\n+++ ${path}\n too different to show\n`;
  return patch.replace(/^(?:Index:.*\n)?=+\n/, '').replaceAll(/^((?:---|\+\+\+) \S+)\t$/gm, '$1');
}
