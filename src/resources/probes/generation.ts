import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { GENERATIONS, MODEL, SAME } from '../kept.js';
import type { Probe } from '../types.js';

/** One kept generation of a host: what it was like before a run changed it. */
export interface GenerationFacts {
  /** The folder's: 0 is the host before lbctl. */
  readonly folder: number;
  /** The run's: the same on every host of a cluster. Generation 0 is the first run's on that host. */
  readonly number: number;
  readonly who: string;
  readonly command: string;
  /** ISO 8601, by the clock of whoever ran it. */
  readonly when: string;
  /** `VERB RESOURCE` of what the run was about to change; none where the host's turn never came. */
  readonly changes: readonly string[];
  /** When the host put it back by itself, by its own clock; null: it did not. */
  readonly reverted: string | null;
}

/** The generations that a host keeps, oldest first. */
export const generationsProbe: Probe<readonly GenerationFacts[]> = {
  key: 'generations',
  script: sh`cd ${GENERATIONS} 2>/dev/null || { [ ! -e ${GENERATIONS} ] || exit 1; exit 0; }
for n in [0-9]*; do
  case $n in *[!0-9]*) continue ;; esac
  echo "folder=$n"
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$n/run" || exit 1
  [ ! -e "$n/begun" ] || echo begun=yes
done`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`the generations cannot be read: ${stderr.trim() || 'no access'}`);
    return ok(
      stdout
        .split(/^folder=/m)
        .slice(1)
        .map(parseGeneration)
        .sort((a, b) => a.folder - b.folder),
    );
  },
};

export function parseGeneration(text: string): GenerationFacts {
  const [folder = '', ...lines] = text.split('\n');
  const all = (key: string) =>
    lines.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
  const one = (key: string) => all(key)[0] ?? '';
  return {
    folder: Number(folder),
    number: Number(one('number') || folder),
    who: one('who'),
    command: one('command'),
    when: one('when'),
    changes: one('waits') === 'yes' && one('begun') !== 'yes' ? [] : all('change'),
    reverted: all('reverted').at(-1) ?? null,
  };
}

export interface KeptFile {
  readonly path: string;
  /**
   * What is there now beside what was kept: the same; other attributes; another content; gone since; new since;
   * never there.
   */
  readonly state: 'same' | 'attributes' | 'content' | 'gone' | 'new' | 'absent';
  /** Texts of what is there and of what was kept, where they differ; null: nothing, or too large to show. */
  readonly now: string | null;
  readonly kept: string | null;
}

export type KeptFacts =
  /** Nothing of this host was changed since. */
  | { readonly kind: 'none' }
  /** The host was not part of the cluster then: before its first run there was no lbctl. */
  | { readonly kind: 'before' }
  | {
      readonly kind: 'kept';
      /** Absolute, on the host. */
      readonly folder: string;
      readonly files: readonly KeptFile[];
      /** `haproxy.ActiveState`, `package.haproxy`, `selinux`, `net.ipv4.ip_nonlocal_bind`, … */
      readonly states: Readonly<Record<string, string>>;
      /** What is in MODEL's copy; null where there was none yet. */
      readonly model: string | null;
    };

/** Bytes of a file that is shown in a diff. */
const LARGEST = 262_144;

/**
 * Which generation: what the run of that number kept (`run`), or what the host was like before that run, whether it
 * changed this host or a later one did (`since`; 0: before lbctl).
 */
export interface KeptQuery {
  readonly by: 'run' | 'since';
  readonly number: number;
}

/** How a host differs from what was kept. */
export function keptProbe({ by, number }: KeptQuery): Probe<KeptFacts> {
  return {
    key: `kept:${by}:${number}`,
    script: sh`base=${GENERATIONS}
target=${number}
cd "$base" 2>/dev/null || { [ ! -e "$base" ] || exit 1; echo none; exit 0; }
by=${by}
first=$(sed -n 's/^number=//p' 0/run 2>/dev/null)
pick=
if [ "$by" = run ]; then
  if [ "\${first:-0}" = "$target" ]; then pick=0; elif [ -d "$target" ]; then pick=$target; fi
else
  for n in $(ls | grep -E '^[0-9]+$' | sort -n); do
    [ "$n" -gt 0 ] || [ "$target" = 0 ] || continue
    if [ "$n" -ge "$target" ]; then pick=$n; break; fi
  done
  if [ "$target" -gt 0 ] && [ "\${first:-0}" -ge "$target" ]; then
    echo before
    exit 0
  fi
fi
[ -n "$pick" ] || { echo none; exit 0; }
echo "folder $base/$pick"
cd "$pick" || exit 1
text() {
  if [ -f "$1" ] && [ "$(wc -c <"$1")" -le ${LARGEST} ]; then base64 <"$1" | tr -d '\n'; else printf %s -; fi
}
kind() { if [ -L "$1" ]; then echo link; elif [ -f "$1" ]; then echo file; elif [ -e "$1" ]; then echo other; else echo none; fi; }
${SAME}
attributes() { stat -c '%a %u %g' -- "$1"; }
show() {
  case $1 in same | attributes | absent) printf '%s - - %s\n' "$1" "$2" ;; *) printf '%s %s %s %s\n' "$1" "$(text "$2")" "$(text "files$2")" "$2" ;; esac
}
find files ! -type d | sed 's/^files//' | sort | while IFS= read -r p; do
  now=$(kind "$p")
  kept=$(kind "files$p")
  if [ "$now" = none ]; then show gone "$p"
  elif [ "$now" != "$kept" ]; then show content "$p"
  elif [ "$now" = link ]; then if [ "$(readlink "$p")" = "$(readlink "files$p")" ]; then show same "$p"; else show content "$p"; fi
  elif ! same "$p" "files$p"; then show content "$p"
  elif [ "$(attributes "$p")" != "$(attributes "files$p")" ]; then show attributes "$p"
  else show same "$p"
  fi
done || exit 1
while IFS= read -r p; do
  if [ "$(kind "$p")" = none ]; then show absent "$p"; else show new "$p"; fi
done <missing || exit 1
sed "s/^/state /" states || exit 1
echo "model $(text ${`files${MODEL}`})"
echo end`,
    parse({ stdout, stderr, exitCode }) {
      const lines = stdout.trim().split('\n');
      const [head = ''] = lines;
      if (exitCode !== 0) return err(`the generation cannot be read: ${stderr.trim() || 'no access'}`);
      if (head === 'none') return ok({ kind: 'none' });
      if (head === 'before') return ok({ kind: 'before' });
      if (!head.startsWith('folder ') || lines.at(-1) !== 'end')
        return err('the answer about the generation was cut short');
      const files: KeptFile[] = [];
      const states: Record<string, string> = {};
      let model: string | null = null;
      for (const line of lines.slice(1, -1)) {
        if (line.startsWith('model ')) model = decode(line.slice('model '.length));
        const state = /^state ([^=]+)=(.*)$/.exec(line);
        if (state?.[1] !== undefined) states[state[1]] = state[2] ?? '';
        const file = /^(same|attributes|content|gone|new|absent) (\S*) (\S*) (.*)$/.exec(line);
        if (file === null) continue;
        const [, kind, now = '-', kept = '-', path = ''] = file;
        files.push({ path, state: kind as KeptFile['state'], now: decode(now), kept: decode(kept) });
      }
      return ok({ kind: 'kept', folder: head.slice('folder '.length), files, states, model });
    },
  };
}

function decode(text: string): string | null {
  return text === '-' ? null : Buffer.from(text, 'base64').toString('utf8');
}
