import { err, ok } from '../../base/result.js';
import { sh } from '../../base/shell.js';
import { checkScriptPath } from '../../render/platform.js';
import type { Probe } from '../types.js';

/** null: the check passed; else why not. */
export type CheckRun = string | null;

/**
 * Runs the check script once as keepalived would: as root, the program itself and no shell, with its time
 * limit; and looks whether keepalived would refuse it as insecure.
 */
export function checkRunProbe(timeout: number): Probe<CheckRun> {
  return {
    key: `check-run:${timeout}`,
    script: sh`for p in ${checkScriptPath('el')} ${checkScriptPath('debian')}; do
  [ -e "$p" ] || continue
  [ -x "$p" ] || { echo "$p is not executable"; exit 0; }
  d=$p
  set -- "$p"
  while d=\${d%/*}; do set -- "$@" "\${d:-/}"; [ "$d" ] || break; done
  found=$(stat -L -c '%u %a %n' "$@") || exit 1
  refused=$(printf '%s\n' "$found" | while read -r owner mode d; do
    case "$owner $mode" in
      0\ *[2367]?|0\ *[2367]) echo "$d can be written by others than root: keepalived would not run the script"; break ;;
      0\ *) ;;
      *) echo "$d does not belong to root: keepalived would not run the script"; break ;;
    esac
  done)
  [ -z "$refused" ] || { echo "$refused"; exit 0; }
  timeout -k 1 ${timeout} env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$p" >/dev/null 2>&1
  rc=$?
  case $rc in
    0) echo passed ;;
    124|137) echo ${`it did not end within ${timeout} s`} ;;
    127) echo 'it fails with exit code 127: is the interpreter of its first line there?' ;;
    *) echo "it fails with exit code $rc" ;;
  esac
  exit 0
done
echo 'the check script is missing'`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`the check script could not be run: ${stderr.trim()}`);
      const answer = stdout.trim();
      if (answer === '') return err('the check script gave no answer');
      return ok(answer === 'passed' ? null : answer);
    },
  };
}
