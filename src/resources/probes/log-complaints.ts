import { withoutCounts } from '../../base/counts.js';
import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';
import { unitProperties } from './units.js';

export interface Complaint {
  readonly kind: 'configuration' | 'packet' | 'script';
  /** One that stands for all of its kind, as keepalived wrote it. */
  readonly text: string;
  readonly count: number;
  /** Seconds since the last one. */
  readonly age: number;
}

/** What keepalived 2.x writes of trouble, by what it is about; the first that matches. Everything else is its daily life. */
const PATTERNS: readonly (readonly [kind: Complaint['kind'], pattern: string])[] = [
  [
    'configuration',
    'SECURITY VIOLATION|Disabling track script|[Uu]nsafe permissions|Unknown keyword|Truncating auth_pass|Configuration error',
  ],
  [
    'packet',
    'received an (invalid|unexpected)|received a [0-9]+ auth|invalid (version|TTL)|interval mismatch|ip_tot_len mismatch|not present in (MASTER )?advert|bogus VRRP|[Dd]ropping received',
  ],
  ['script', 'skipping run|timed out|[Ff]ailed to exec'],
];

/** Lines of the journal to look at, from its end, and of them the last of each kind that go over the line. */
const [MOST_LINES, MOST_OF_A_KIND] = [5000, 200];

/** The same from the moment at which keepalived read its configuration: what it thinks of that it says then, and never again. */
const FIRST_LINES = 1000;

const CONFIGURATION = PATTERNS[0]?.[1] ?? '';

/** What keepalived complained of in the journal since it was last started. null: there is no journal to read. */
export const complaintsProbe: Probe<readonly Complaint[] | null> = {
  key: 'complaints',
  asksUnit: 'keepalived',
  script: sh`command -v journalctl >/dev/null || { echo none; exit 0; }
id=$(systemctl show keepalived -p InvocationID --value) || exit 1
${unitProperties('keepalived')} || exit 1
now=\${asked_now:-$(date +%s.%N)}
up=\${asked_up:-}
[ -n "$up" ] || read -r up rest </proc/uptime
echo "now $now"
[ -n "$id" ] || exit 0
loaded=\${unit#*StateChangeTimestampMonotonic=}
loaded=\${loaded%%[!0-9]*}
since=$((\${now%%.*} - \${up%%.*} + \${loaded:-0} / 1000000 - 2))
log() { journalctl -q --no-pager -o short-unix "$@" _SYSTEMD_INVOCATION_ID="$id"; }
log --since "@$since" | head -n ${FIRST_LINES} | grep -E ${CONFIGURATION}
recent=$(log -n ${MOST_LINES} | grep -E ${PATTERNS.map(([, it]) => it).join('|')})
for kind in ${PATTERNS.map(([, it]) => it)}; do
  printf '%s\n' "$recent" | grep -E -- "$kind" | tail -n ${MOST_OF_A_KIND}
done
exit 0`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`keepalived's log could not be read: ${stderr.trim()}`);
    if (stdout.trim() === 'none') return ok(null);
    const [head = '', ...lines] = stdout.split('\n');
    const now = Number(/^now (\d+(?:\.\d+)?)$/.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(now)) return err("the answer about keepalived's log was cut short");
    const found = new Map<string, Complaint>();
    // What was said when the configuration was read may be among the last lines as well.
    for (const line of new Set(lines)) {
      const match = /^(\d+\.\d+) \S+ [^:]*: (.*)$/.exec(line);
      const text = match?.[2]?.trim();
      if (text === undefined) continue;
      const kind = PATTERNS.find(([, pattern]) => new RegExp(pattern).test(text))?.[0];
      if (kind === undefined) continue;
      const key = `${kind} ${withoutCounts(text)}`;
      const before = found.get(key);
      const age = Math.max(0, Math.round(now - Number(match?.[1])));
      const isLast = before === undefined || age <= before.age;
      found.set(key, { ...(isLast ? { kind, text, age } : before), count: (before?.count ?? 0) + 1 });
    }
    return ok([...found.values()]);
  },
};
