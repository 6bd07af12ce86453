import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';

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

/** Lines of the journal to look at, from its end. */
const MOST_LINES = 5000;

/** What keepalived complained of in the journal since it was last started. null: there is no journal to read. */
export const complaintsProbe: Probe<readonly Complaint[] | null> = {
  key: 'complaints',
  script: sh`command -v journalctl >/dev/null || { echo none; exit 0; }
id=$(systemctl show keepalived -p InvocationID --value) || exit 1
echo "now \${asked_now:-$(date +%s.%N)}"
[ -n "$id" ] || exit 0
journalctl -q --no-pager -o short-unix -n ${MOST_LINES} _SYSTEMD_INVOCATION_ID="$id" | grep -E ${PATTERNS.map(([, it]) => it).join('|')} | tail -n 500
exit 0`,
  parse({ stdout, stderr, exitCode }) {
    if (exitCode !== 0) return err(`keepalived's log could not be read: ${stderr.trim()}`);
    if (stdout.trim() === 'none') return ok(null);
    const [head = '', ...lines] = stdout.split('\n');
    const now = Number(/^now (\d+(?:\.\d+)?)$/.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(now)) return err("the answer about keepalived's log was cut short");
    const found = new Map<string, Complaint>();
    for (const line of lines) {
      const match = /^(\d+\.\d+) \S+ [^:]*: (.*)$/.exec(line);
      const text = match?.[2]?.trim();
      if (text === undefined) continue;
      const kind = PATTERNS.find(([, pattern]) => new RegExp(pattern).test(text))?.[0];
      if (kind === undefined) continue;
      // Numbers and addresses in it differ from one to the next.
      const key = `${kind} ${text.replace(/\d+/g, '0')}`;
      const count = (found.get(key)?.count ?? 0) + 1;
      found.set(key, { kind, text, count, age: Math.max(0, Math.round(now - Number(match?.[1]))) });
    }
    return ok([...found.values()]);
  },
};
