import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { GENERATIONS, MODEL } from '../kept.js';
import type { Probe } from '../types.js';
import { type GenerationFacts, parseGeneration } from './generation.js';

/** Texts by path; null: no such file. */
export type Texts = ReadonlyMap<string, string | null>;

export interface HistoryFacts {
  /** Oldest first, each with what was there before its run. */
  readonly generations: readonly (GenerationFacts & { readonly files: Texts })[];
  /** The same paths as they are now. */
  readonly now: Texts;
}

/** Bytes of a file that is shown. */
const LARGEST = 262_144;

/** Everything that a host keeps of its runs. */
export const historyProbe: Probe<HistoryFacts> = {
  key: 'history',
  script: sh`cd ${GENERATIONS} 2>/dev/null || { [ ! -e ${GENERATIONS} ] || exit 1; echo end; exit 0; }
text() {
  if [ -L "$1" ]; then printf %s "link to $(readlink "$1")" | base64 | tr -d '\n'
  elif [ -f "$1" ] && [ "$(wc -c <"$1")" -le ${LARGEST} ]; then base64 <"$1" | tr -d '\n'
  elif [ -e "$1" ]; then printf -- -
  else printf %s '!'
  fi
}
folders=$(ls | grep -E '^[0-9]+$' | sort -n)
for n in $folders; do
  echo "folder=$n"
  cat "$n/run" || exit 1
  [ ! -e "$n/begun" ] || echo begun=yes
  ( cd "$n" && find files ! -type d ) | sed 's/^files//' | sort | while IFS= read -r p; do printf 'file %s %s\n' "$(text "$n/files$p")" "$p"; done
  sed 's/^/file ! /' "$n/missing" || exit 1
done
echo folder=now
for n in $folders; do ( cd "$n" && find files ! -type d | sed 's/^files//' && cat missing ); done | sort -u | while IFS= read -r p; do
  printf 'file %s %s\n' "$(text "$p")" "$p"
done
echo end`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`the generations cannot be read: ${stderr.trim() || 'no access'}`);
    if (!stdout.endsWith('end\n')) return err('the answer about the generations was cut short');
    const pieces = stdout.split(/^folder=/m).slice(1);
    const now = pieces.find((it) => it.startsWith('now\n')) ?? '';
    const generations = pieces
      .filter((it) => !it.startsWith('now\n'))
      .map((it) => ({ ...parseGeneration(it), files: textsIn(it) }));
    return ok({ generations, now: textsIn(now) });
  },
};

function textsIn(piece: string): Texts {
  const found = new Map<string, string | null>();
  for (const [, text = '', path = ''] of piece.matchAll(/^file (\S*) (.*)$/gm)) {
    if (path !== MODEL) found.set(path, decode(text));
  }
  return found;
}

function decode(text: string): string | null {
  if (text === '!') return null;
  return text === '-' ? 'too large to show, or no file' : Buffer.from(text, 'base64').toString('utf8');
}
