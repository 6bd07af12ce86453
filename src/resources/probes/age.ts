import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import type { Probe } from '../types.js';

/** Seconds since a file was last written, by the host's own clock; negative: in the future; null: no such file. */
export function ageProbe(path: string): Probe<number | null> {
  return {
    key: `age:${path}`,
    script: sh`p=${path}
if [ ! -e "$p" ]; then echo missing; exit 0; fi
stat -L -c '%.3Y' -- "$p" && echo "\${asked_now:-$(date +%s.%N)}"`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`${path} cannot be read: ${stderr.trim()}`);
      if (stdout.trim() === 'missing') return ok(null);
      const [written, now] = stdout.trim().split('\n').map(Number);
      if (written === undefined || now === undefined || Number.isNaN(now - written)) {
        return err(`the answer about ${path} was cut short`);
      }
      return ok(now - written);
    },
  };
}
