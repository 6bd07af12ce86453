import { err, ok } from '../base/result.js';
import { atTheEnd, type Command, joinCommands, raw, sh } from '../base/shell.js';
import type { Probe, Step } from './types.js';

export interface UfwFacts {
  readonly installed: boolean;
  readonly active: boolean;
  /** TCP ports that everybody may reach: [first, last]. */
  readonly open: readonly (readonly [number, number])[];
  /** Of these, the ports of the rules that lbctl has added. */
  readonly ours: readonly number[];
  /** Files of ufw's rules that hold lbctl's own, whether loaded or not. */
  readonly files: readonly string[];
  /** Families whose loaded rules let VRRP in. */
  readonly vrrp: readonly (4 | 6)[];
}

/** Marks the rules that lbctl adds, so that `down` takes away no others. */
const COMMENT = 'lbctl';

export const UFW_RULES = { 4: '/etc/ufw/before.rules', 6: '/etc/ufw/before6.rules' } as const;

/** What ufw lets through; its rules are read only while it is active, or where lbctl's own may be left. */
export const ufwProbe: Probe<UfwFacts> = {
  key: 'ufw',
  script: sh`command -v ufw >/dev/null || { echo 'status absent'; exit 0; }
status=$(ufw status) || exit 1
printf '%s\n' "$status" | sed -n 's/^Status: /status /p'
ufw show added || exit 1
for f in ${Object.values(UFW_RULES)}; do
  if grep -q '^# BEGIN lbctl' "$f" 2>/dev/null; then echo "file $f"; fi
done
if iptables -w -S ufw-before-input 2>/dev/null | grep -Eq -e '-p (112|vrrp) -j ACCEPT'; then echo 'vrrp 4'; fi
if ip6tables -w -S ufw6-before-input 2>/dev/null | grep -Eq -e '-p (112|vrrp) -j ACCEPT'; then echo 'vrrp 6'; fi
exit 0`,
  parse({ stdout, stderr, exitCode }) {
    const status = /^status (active|inactive|absent)$/m.exec(stdout)?.[1];
    if (exitCode !== 0 || status === undefined) return err(`ufw could not be asked: ${stderr.trim()}`);
    const values = (name: string) =>
      [...stdout.matchAll(new RegExp(`^${name} (\\S+)$`, 'gm'))].map(([, value = '']) => value);
    const rules = [...stdout.matchAll(/^ufw allow ([\d,:]+)(?:\/tcp)?(?: comment '(.*)')?$/gm)];
    return ok({
      installed: status !== 'absent',
      active: status === 'active',
      open: rules.flatMap(([, ports = '']) => ports.split(',').map(rangeOf)),
      ours: rules.flatMap(([, port = '', comment]) =>
        comment === COMMENT && /^\d+$/.test(port) ? [Number(port)] : [],
      ),
      files: values('file'),
      vrrp: values('vrrp').map((family) => (family === '6' ? 6 : 4)),
    });
  },
};

/** `80`, or `8000:8010` */
function rangeOf(text: string): readonly [number, number] {
  const [first = 0, last = first] = text.split(':').map(Number);
  return [first, last];
}

export interface UfwWish {
  readonly ports: readonly number[];
  readonly families: readonly (4 | 6)[];
}

/** What to do where ufw is active and keeps out what the pair needs. */
export function openUfw(found: UfwFacts, { ports, families }: UfwWish): { steps: Step[]; missing: string[] } {
  if (!found.active) return { steps: [], missing: [] };
  const closed = ports.filter((port) => !found.open.some(([first, last]) => first <= port && port <= last));
  const deaf = families.filter((family) => !found.vrrp.includes(family));
  const lacks = [...(deaf.length > 0 ? ['vrrp'] : []), ...closed.map((port) => `${port}/tcp`)];
  if (lacks.length === 0) return { steps: [], missing: [] };
  const rules = closed.map((port) => sh`timeout 60 ufw allow ${`${port}/tcp`} comment ${COMMENT} >&2`);
  return {
    missing: [`ufw lacks ${lacks.join(', ')}`],
    steps: [
      ...(rules.length === 0 ? [] : [step('open the ports in ufw', joinCommands([raw('set -e'), ...rules]))]),
      ...(deaf.length === 0
        ? []
        : [step('let VRRP through ufw', joinCommands([CHANGE, ...deaf.map(letIn), RELOAD]))]),
    ],
  };
}

/** Takes lbctl's own rules away, and no others; [] where there are none. */
export function closeUfw({ ours, files }: UfwFacts): Step[] {
  const rules = ours.map((port) => sh`timeout 60 ufw delete allow ${`${port}/tcp`} >&2`);
  const out = files.map((file) => sh`change ${file} ''`);
  return [
    ...(rules.length === 0 ? [] : [step('close the ports in ufw', joinCommands([raw('set -e'), ...rules]))]),
    ...(out.length === 0
      ? []
      : [step("take lbctl's rules out of ufw", joinCommands([CHANGE, ...out, RELOAD]))]),
  ];
}

function step(title: string, script: Command): Step {
  return { title, script, limit: 150 };
}

export const UFW_ON: Step = {
  title: 'switch ufw on',
  script: raw('timeout 60 ufw --force enable'),
  limit: 90,
};

/** Only ufw from 0.36.2 knows VRRP in its own words: older ones pass on what stands in this file. */
function letIn(family: 4 | 6): Command {
  const chain = family === 6 ? 'ufw6-before' : 'ufw-before';
  const block = `# BEGIN lbctl: VRRP
-A ${chain}-input -p 112 -j ACCEPT
-A ${chain}-output -p 112 -j ACCEPT
# END lbctl`;
  return sh`change ${UFW_RULES[family]} ${block}`;
}

/**
 * `change FILE RULES` puts rules before the file's COMMIT, in place of what lbctl has put there before. Where ufw
 * refuses to load it, the files come back and ufw is started anew: a reload that failed leaves it with half of its rules.
 */
const CHANGE: Command = sh`set -e
changed=
tidy() { for f in $changed; do rm -f "$f.lbctl-new" "$f.lbctl-old"; done; }
${atTheEnd(raw('tidy'))}
change() {
  changed="$changed $1"
  cp -p "$1" "$1.lbctl-old"
  cp -p "$1" "$1.lbctl-new"
  OWN=$2 awk '/^# BEGIN lbctl/ { skip = 1 }
    !skip { line[++n] = $0 }
    /^# END lbctl/ { skip = 0 }
    END {
      for (i = n; i > 0 && line[i] != "COMMIT"; i--) ;
      if (i == 0) exit 1
      for (j = 1; j <= n; j++) { if (j == i && ENVIRON["OWN"] != "") print ENVIRON["OWN"]; print line[j] }
    }' "$1" >"$1.lbctl-new"
  mv -f "$1.lbctl-new" "$1"
}`;

const RELOAD: Command = sh`if ! timeout 60 ufw reload >&2; then
  for f in $changed; do mv -f "$f.lbctl-old" "$f"; done
  timeout 60 ufw --force enable >&2 || :
  exit 1
fi`;
