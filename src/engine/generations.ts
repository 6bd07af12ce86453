import { type Command, sh } from '../base/shell.js';
import {
  checkScriptPath,
  dropInPath,
  HAPROXY_CFG,
  KEEPALIVED_CONF,
  STATE_DIR,
  SYSCTL_CONF,
} from '../render/platform.js';

/** Every file that a run may replace. */
export const KEPT_PATHS = [
  HAPROXY_CFG,
  KEEPALIVED_CONF,
  SYSCTL_CONF,
  dropInPath('haproxy'),
  dropInPath('keepalived'),
  checkScriptPath('el'),
  checkScriptPath('debian'),
  '/etc/selinux/config',
] as const;

/** Besides generation 0. */
const KEPT_GENERATIONS = 10;

/**
 * Copies what is there into a new generation, before anything changes: the files, which of them did not exist,
 * and the states of services, packages, firewall and SELinux. Generation 0 is what the host was like before
 * lbctl. It appears whole or not at all.
 */
export function keepScript(run: {
  readonly who: string;
  readonly command: string;
  readonly when: string;
}): Command {
  return sh`set -e
umask 077
base=${`${STATE_DIR}/generations`}
mkdir -p "$base"
rm -rf "$base"/.new.*
last=$(ls "$base" | grep -E '^[0-9]+$' | sort -n | tail -n 1 || :)
if [ -z "$last" ]; then n=0; else n=$((last + 1)); fi
new=$base/.new.$n
mkdir -p "$new/files"
: >"$new/missing"
for p in ${KEPT_PATHS}; do
  if [ -e "$p" ] || [ -L "$p" ]; then
    mkdir -p "$new/files$(dirname "$p")"
    cp -a "$p" "$new/files$p"
  else
    echo "$p" >>"$new/missing"
  fi
done
{
  for s in haproxy keepalived firewalld ufw; do
    systemctl show "$s" -p LoadState,ActiveState,UnitFileState | sed "s/^/$s./"
  done
  for p in haproxy keepalived; do
    if command -v rpm >/dev/null && rpm -q "$p" >/dev/null 2>&1; then echo "package.$p=$(rpm -q "$p")"
    elif command -v dpkg-query >/dev/null; then echo "package.$p=$(dpkg-query -W -f '\${db:Status-Status} \${Version}' "$p" 2>/dev/null || :)"
    else echo "package.$p="; fi
  done
  if command -v getenforce >/dev/null; then echo "selinux=$(getenforce)"; fi
  for k in net.ipv4.ip_nonlocal_bind net.ipv6.ip_nonlocal_bind; do
    f=/proc/sys/$(echo "$k" | tr . /)
    if [ -r "$f" ]; then echo "$k=$(cat "$f")"; fi
  done
} >"$new/states"
printf 'who=%s\ncommand=%s\nwhen=%s\nhost_time=%s\n' ${run.who} ${run.command} ${run.when} "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$new/run"
mv "$new" "$base/$n"
for old in $(ls "$base" | grep -E '^[0-9]+$' | sort -n | sed 1d | head -n -${KEPT_GENERATIONS}); do
  rm -rf "$base/$old"
done`;
}
