import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { TRACK_FILES } from '../../render/platform.js';
import type { Probe } from '../types.js';
import { unitProperties } from './units.js';

export interface VrrpFacts {
  readonly instance: string;
  /** MASTER, BACKUP, FAULT, INIT, … */
  readonly state: string;
  readonly virtualRouterId: number;
  readonly priority: number;
  readonly effectivePriority: number;
  /** What the effective priority should be: the configured one, less what a switchover takes off it. */
  readonly duePriority: number;
}

/** null: keepalived does not run. */
export type KeepalivedFacts =
  | {
      readonly running: true;
      readonly instances: readonly VrrpFacts[];
      /** Added to every priority by `lbctl switchover`: 0 where none is in effect, else below. */
      readonly switchover: number;
    }
  | { readonly running: false };

const LOCK = '/run/lbctl-dump.lock';

/**
 * Which dump the running keepalived writes, and on which signal: what its own program told when it was asked the last time (a
 * start of it takes as long as everything else about the dump) stands beside the process that it was told for.
 */
const SIGNAL = sh`dump_signal() {
  dump_pid=$1 dump_kind= dump_sig= dump_stat= dump_told=
  { read -r dump_stat <"/proc/$1/stat" && read -r dump_told <${LOCK}; } 2>/dev/null
  # The 22nd field, proc(5): when it was started.
  set -- \${dump_stat##*) }
  dump_who=$dump_pid-\${20:-}
  set -- $dump_told
  case "\${1:-} \${2:-}" in "$dump_who json"|"$dump_who data") dump_kind=$2 dump_sig=$3 ;; esac
  case $dump_sig in ''|*[!0-9]*) ;; *) return 0 ;; esac
  for dump_kind in json data; do
    case $dump_kind in json) dump_name=JSON ;; *) dump_name=DATA ;; esac
    dump_sig=$(keepalived --signum=$dump_name 2>/dev/null) || continue
    case $dump_sig in ''|*[!0-9]*) continue ;; esac
    echo "$dump_who $dump_kind $dump_sig" >${LOCK}
    return 0
  done
  return 1
}`;

/**
 * Asks for the dump before what else there is to ask, so that nobody waits for it: keepalived writes it meanwhile. What does not
 * work here is done by the question itself, which says why it cannot.
 */
const ASK_AHEAD = sh`${SIGNAL}
asked_dump=
dump_pid=\${asked_keepalived#*MainPID=}
dump_pid=\${dump_pid%%[!0-9]*}
if [ "\${dump_pid:-0}" != 0 ] && (umask 077; : >>${LOCK}) 2>/dev/null; then
  exec 9>>${LOCK}
  if flock -n 9 && dump_signal "$dump_pid" 2>/dev/null; then
    dump_file=/proc/$dump_pid/root/tmp/keepalived.$dump_kind
    [ ! -e "$dump_file" ] || rm -f "$dump_file"
    kill -s "$dump_sig" "$dump_pid" 2>/dev/null && asked_dump=$dump_kind
  fi
  [ -n "$asked_dump" ] || exec 9>&-
fi`;

/**
 * What the running keepalived says of itself. It writes a dump on a signal: as JSON where it was built with
 * that, else as text. Both hold the password: it is cut out before the dump leaves the host, and the dump is
 * removed. One asker at a time, since they share the file's name.
 */
export const keepalivedProbe: Probe<KeepalivedFacts> = {
  key: 'keepalived-state',
  asksUnit: 'keepalived',
  ahead: ASK_AHEAD,
  late: true,
  script: sh`kind=\${asked_dump:-}
if [ -n "$kind" ]; then
  pid=$dump_pid
  f=/proc/$pid/root/tmp/keepalived.$kind
else
  ${unitProperties('keepalived')} 2>/dev/null
  pid=\${unit#*MainPID=}
  pid=\${pid%%[!0-9]*}
  if [ -z "$pid" ] || [ "$pid" = 0 ] || [ ! -d "/proc/$pid" ]; then echo not-running; exit 0; fi
  umask 077
  exec 9>>${LOCK}
  flock -w 5 9 || { echo "another dump is under way" >&2; exit 1; }
  ${SIGNAL}
  dump_signal "$pid" || { echo "keepalived names no signal for a dump" >&2; exit 1; }
  kind=$dump_kind
  f=/proc/$pid/root/tmp/keepalived.$kind
  rm -f "$f"
  kill -s "$dump_sig" "$pid" || exit 1
fi
i=0
last=
while [ $i -lt 150 ]; do
  i=$((i + 1))
  if [ -s "$f" ]; then
    # A whole JSON dump ends with its bracket; of a text all that can be said is that it does not grow any more.
    [ "$kind" = json ] && case $(tail -c 2 "$f") in *[]}]) break ;; esac
    size=$(stat -c %s "$f")
    [ "$size" = "$last" ] && break
    last=$size
  fi
  sleep 0.02
done
[ -s "$f" ] || { echo "keepalived wrote no dump within 3 s" >&2; exit 1; }
moved=
{ read -r moved <${TRACK_FILES.switchover.path}; } 2>/dev/null
case $moved in *[!0-9-]*|'') moved=0 ;; esac
echo "$kind $moved"
sed -e 's/"auth_data":"\([^"\\]\|\\.\)*"/"auth_data":""/g' -e 's/^\( *Password = \).*/\1/' "$f"
rm -f "$f"
# The lock is the shell's from which this one came, where the dump was asked for ahead; what comes after this may take its time.
flock -u 9`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`keepalived could not be asked: ${stderr.trim()}`);
    const [head = '', ...rest] = stdout.split('\n');
    const [kind, moved] = head.trim().split(' ');
    if (kind === 'not-running') return ok({ running: false });
    const body = rest.join('\n');
    const switchover = Number(moved ?? '0') || 0;
    const found = kind === 'json' ? parseJson(body) : parseText(body);
    const instances =
      found?.map((it) => ({ ...it, duePriority: Math.max(1, it.priority + switchover) })) ?? null;
    return instances === null || !instances.every(isWhole)
      ? err("keepalived's dump cannot be understood")
      : ok({ running: true, instances, switchover });
  },
};

type Dumped = Omit<VrrpFacts, 'duePriority'>;

/** A dump that was cut short has instances without a state or a number. */
function isWhole({ instance, state, virtualRouterId, priority, effectivePriority }: Dumped): boolean {
  const numbers = [virtualRouterId, priority, effectivePriority];
  return instance !== '' && state !== '' && numbers.every((it) => Number.isInteger(it) && it > 0);
}

const STATES: Readonly<Record<number, string>> = { 0: 'INIT', 1: 'BACKUP', 2: 'MASTER', 3: 'FAULT' };

function parseJson(body: string): Dumped[] | null {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return null;
  }
  // 2.2 prints a list of instances; newer ones may wrap it in an object.
  const list = Array.isArray(document) ? document : (document as { vrrp?: unknown } | null)?.vrrp;
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry: { data?: Record<string, unknown> }) => {
    const data = entry.data;
    if (data === undefined || typeof data.iname !== 'string') return [];
    return [
      {
        instance: data.iname,
        state: data.state === undefined ? '' : (STATES[Number(data.state)] ?? `state ${String(data.state)}`),
        virtualRouterId: Number(data.vrid),
        priority: Number(data.base_priority),
        effectivePriority: Number(data.effective_priority),
      },
    ];
  });
}

function parseText(body: string): Dumped[] | null {
  if (!body.includes('VRRP Topology')) return null;
  const facts: Dumped[] = [];
  for (const chunk of body.split(/^ VRRP Instance = /m).slice(1)) {
    const value = (name: string) => new RegExp(`^ +${name} = (.+)$`, 'm').exec(chunk)?.[1]?.trim() ?? '';
    facts.push({
      instance: chunk.split('\n')[0]?.trim() ?? '',
      state: value('State'),
      virtualRouterId: Number(value('Virtual Router ID')),
      priority: Number(value('Priority')),
      effectivePriority: Number(value('Effective priority')),
    });
  }
  return facts;
}
