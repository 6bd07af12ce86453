import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';
import { unitProperties } from './units.js';

export interface ServiceFacts {
  /** False where there is no such unit: the package is not installed. */
  readonly exists: boolean;
  /** systemd's LoadState: loaded, not-found, masked, … */
  readonly load?: string;
  /** systemd's ActiveState: active, inactive, failed, activating, reloading, … */
  readonly active: string;
  /** systemd's UnitFileState: enabled, disabled, masked, … */
  readonly enabled: string;
  readonly masked: boolean;
  readonly mainPid: number;
  /** The unit's files on disk are newer than what systemd runs by. */
  readonly needsDaemonReload: boolean;
  /**
   * Seconds since the running process last read its configuration; null while it does not run. For HAProxy the
   * age of its newest process (every reload starts one); else the time since systemd last saw the unit change.
   */
  readonly loadedAge: number | null;
  /** How it is reloaded while it runs, as `systemctl show` prints it: MainPID, ActiveState, Environment, ExecReload. */
  readonly reload?: string;
}

const RELOAD = /^(?:MainPID|ActiveState|Environment|ExecReload)=/;

function reloadOf(stdout: string): string {
  return stdout
    .split('\n')
    .filter((line) => RELOAD.test(line))
    .join('\n');
}

/** It serves: during a reload as well, whoever asked for that. */
export function isRunning({ active }: ServiceFacts): boolean {
  return active === 'active' || active === 'reloading';
}

/** In which /proc counts, on all of Linux that HAProxy runs on: proc(5), sysconf(_SC_CLK_TCK). */
const USER_HZ = 100;

/**
 * Ages come from the kernel's clocks (uptime and process start), which no change of the time of day moves.
 * systemd's StateChangeTimestampMonotonic moves at every reload that systemd was asked for.
 */
export function serviceProbe(service: string): Probe<ServiceFacts> {
  return {
    key: `service:${service}`,
    asksUnit: service,
    script: sh`s=${service}
${unitProperties(service)} || exit 1
echo "$unit"
up=\${asked_up:-}
[ -n "$up" ] || read -r up rest </proc/uptime
echo "Uptime=$up"
echo "UptimeAfter=\${asked_late:-$up}"
pid=\${unit#*MainPID=}
pid=\${pid%%[!0-9]*}
if [ "$s" = haproxy ] && [ "\${pid:-0}" != 0 ]; then
  children=
  { read -r children <"/proc/$pid/task/$pid/children"; } 2>/dev/null
  for p in "$pid" $children; do
    { read -r line <"/proc/$p/stat"; } 2>/dev/null || continue
    set -- \${line##*) }
    shift 19
    echo "Start=$1"
  done
fi
exit 0`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`systemd could not be asked about ${service}: ${stderr.trim()}`);
      const values = new Map<string, string>();
      let newestStart = 0;
      for (const line of stdout.split('\n')) {
        const at = line.indexOf('=');
        if (at < 0) continue;
        const [key, value] = [line.slice(0, at), line.slice(at + 1)];
        if (key === 'Start') newestStart = Math.max(newestStart, Number(value));
        else values.set(key, value);
      }
      const active = values.get('ActiveState');
      const load = values.get('LoadState');
      // Files count by the time of day, which was asked in between: on a busy host its program takes a while to start.
      const before = Number(values.get('Uptime'));
      const uptime = (before + Number(values.get('UptimeAfter') ?? before)) / 2;
      if (!active || !load || !(uptime > 0)) {
        return err(`systemd's answer about ${service} was cut short`);
      }
      const started =
        newestStart > 0
          ? newestStart / USER_HZ
          : Number(values.get('StateChangeTimestampMonotonic') ?? '0') / 1e6;
      const mainPid = Number(values.get('MainPID') ?? '0');
      const enabled = values.get('UnitFileState') ?? '';
      return ok({
        exists: load !== 'not-found',
        load,
        active,
        enabled,
        masked: load === 'masked' || enabled.startsWith('masked'),
        mainPid,
        needsDaemonReload: values.get('NeedDaemonReload') === 'yes',
        loadedAge: mainPid > 0 ? uptime - started : null,
        ...(mainPid > 0 && { reload: reloadOf(stdout) }),
      });
    },
  };
}
