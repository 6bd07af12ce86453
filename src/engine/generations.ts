import { atTheEnd, type Command, raw, sh } from '../base/shell.js';
import type { HostResources } from '../planning/build-resources.js';
import { FIREWALLD_ZONES, GENERATIONS, KEPT_PATHS } from '../resources/kept.js';
import { SELINUX_BOOLEANS } from '../resources/selinux.js';
import type { Keeps } from '../resources/types.js';
import { type KnownStates, NOTHING_KNOWN } from './known-states.js';

/** Runs that can be gone back to, besides generation 0. */
export const KEPT_GENERATIONS = 10;

/** What is written down with a generation, besides the copies. */
export interface KeptRun {
  /** The same on every host of the cluster. */
  readonly number: number;
  /** user@machine */
  readonly who: string;
  readonly command: string;
  /** ISO 8601, by the clock of whoever runs it. */
  readonly when: string;
  /** `VERB RESOURCE` of what is about to change on this host. */
  readonly changes: readonly string[];
  /** Kept before it is the host's turn, which may not come. */
  readonly ahead: boolean;
}

/**
 * Copies what is there into a new generation, before anything changes: the files, which of them did not exist,
 * and the states of services, packages, firewall and SELinux. Generation 0 is what the host was like before
 * lbctl; what an operator's own task manages since then is added to it, as it was before that. A generation
 * appears whole or not at all.
 * @param own what the tasks of the playbook name besides
 */
export function keepScript(
  run: KeptRun,
  own: Keeps = {},
  { lines, units, packages, selinux }: KnownStates = NOTHING_KNOWN,
): Command {
  return sh`set -e
umask 077
base=${GENERATIONS}
[ -d "$base" ] || mkdir -p "$base"
for old in "$base"/.new.*; do [ ! -e "$old" ] || rm -rf "$old"; done
number=${run.number}
if [ ! -d "$base/0" ]; then n=0; else n=$number; fi
# Kept already: the connection was lost afterwards.
for old in "$base/$n" "$base/0"; do
  if [ -e "$old/run" ] && IFS= read -r kept <"$old/run" && [ "$kept" = "number=$number" ]; then
    ${run.ahead ? raw('exit 0') : sh`echo begun=yes >"$old/begun"; exit 0`}
  fi
done
new=$base/.new.$n
${atTheEnd(sh`rm -rf "$new" "$base/.new.gone"`)}
mkdir -p "$new/files"
: >"$new/missing"
# All at once: a process for each would take longer than all of them. Relative: coreutils 9.1 fails on the folders of absolute paths.
keep() {
  to=$1
  shift
  for p; do
    shift
    if [ -d "$p" ] && [ ! -L "$p" ]; then continue; fi
    if [ -e "$p" ] || [ -L "$p" ]; then set -- "$@" ".$p"; else echo "$p" >>"$to/missing"; fi
  done
  [ $# = 0 ] || ( cd / && cp -a --parents "$@" "$to/files" )
}
keep "$new" ${[...KEPT_PATHS, ...(own.paths ?? [])]}
{
  ${lines.length === 0 ? raw(':') : sh`printf '%s\n' ${lines}`}
  set -- ${unknown(['haproxy', 'keepalived', 'firewalld'], own.services, units)}
  if command -v ufw >/dev/null; then set -- "$@" ufw
  else printf 'ufw.%s\n' LoadState=not-found ActiveState=inactive UnitFileState=; fi
  [ $# = 0 ] || systemctl show "$@" -p LoadState,ActiveState,UnitFileState | while IFS= read -r line; do
    # An empty line stands between two units.
    if [ -z "$line" ]; then shift; else printf '%s.%s\n' "$1" "$line"; fi
  done
  set -- ${unknown(['haproxy', 'keepalived'], own.packages, packages)}
  if [ $# = 0 ]; then :
  elif command -v rpm >/dev/null && v=$(rpm -q --qf 'package.%{NAME}=%{NVRA}\n' "$@" 2>/dev/null); then echo "$v"
  else for p; do
    if command -v rpm >/dev/null && v=$(rpm -q "$p" 2>/dev/null); then echo "package.$p=$v"
    elif command -v dpkg-query >/dev/null; then echo "package.$p=$(dpkg-query -W -f '\${db:Status-Status} \${Version}' "$p" 2>/dev/null || :)"
    else echo "package.$p="; fi
  done; fi
  ${selinux ? raw(':') : ASK_SELINUX}
  if [ -r /etc/ufw/ufw.conf ]; then echo "ufw=$(sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf)"; fi
  set --
  for v in ipv4 ipv6; do [ ! -r /proc/sys/net/$v/ip_nonlocal_bind ] || set -- "$@" /proc/sys/net/$v/ip_nonlocal_bind; done
  # A shell that reads byte by byte gets one byte of it.
  [ $# = 0 ] || cat "$@" | while IFS= read -r value; do
    v=\${1#/proc/sys/net/}
    echo "net.\${v%/*}.ip_nonlocal_bind=$value"
    shift
  done
  for f in ${own.sysctls ?? []}; do
    if [ -r "$f" ]; then echo "\${f#/proc/sys/}=$(cat "$f")"; fi
  done
} >"$new/states"
if [ "$n" = 0 ] && [ -d ${FIREWALLD_ZONES} ]; then cp -a ${FIREWALLD_ZONES} "$new/firewalld-zones"; fi
if [ "$n" = 0 ] && [ -d /etc/ufw ]; then cp -a /etc/ufw "$new/ufw"; fi
printf 'number=%s\nwho=%s\ncommand=%s\nwhen=%s\nhost_time=%s\n' "$number" ${run.who} ${run.command} ${run.when} "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$new/run"
for c in ${run.changes}; do printf 'change=%s\n' "$c" >>"$new/run"; done
${run.ahead ? sh`echo waits=yes >>"$new/run"` : raw(':')}
mv "$new" "$base/$n"
if [ "$n" != 0 ] && [ -d "$base/0" ]; then
  for p in ${own.paths ?? []}; do
    if [ ! -e "$base/0/files$p" ] && [ ! -L "$base/0/files$p" ] && ! grep -qxF "$p" "$base/0/missing"; then keep "$base/0" "$p"; fi
  done
  seen=
  while IFS= read -r line; do seen="$seen \${line%%=*} "; done <"$base/0/states"
  more=
  while IFS= read -r line; do
    case $seen in *" \${line%%=*} "*) ;; *) more="$more$line
" ;; esac
  done <"$base/$n/states"
  printf %s "$more" >>"$base/0/states"
fi
for old in "$base"/[1-9]*; do
  old=\${old##*/}
  case $old in *[!0-9]*) continue ;; esac
  if [ "$old" -gt 0 ] && [ "$old" -le "$((number - ${KEPT_GENERATIONS}))" ]; then
    # By a rename: half of one could not be read any more.
    mv "$base/$old" "$base/.new.gone"
    rm -rf "$base/.new.gone"
  fi
done`;
}

/** Notes that the host's changes begin, where that was kept ahead. */
export function beginScript(number: number): Command {
  return sh`kept=${GENERATIONS}/${number}
[ -d "$kept" ] || kept=${GENERATIONS}/0
echo begun=yes >"$kept/begun"`;
}

const ASK_SELINUX = sh`if command -v getenforce >/dev/null; then echo "selinux=$(getenforce)"; fi
  for b in ${SELINUX_BOOLEANS}; do
    v=$(getsebool "$b" 2>/dev/null) && echo "boolean.$b=\${v##* }"
  done`;

function unknown(ours: readonly string[], own: readonly string[] = [], known: readonly string[]): string[] {
  return [...new Set([...ours, ...own])].filter((name) => !known.includes(name));
}

/** What the operator's own tasks may replace on a host. */
export function keepsOf(resources: readonly HostResources[], host: string): Keeps {
  const plays = resources.find((it) => it.host.name === host)?.plays ?? [];
  const all = plays.flat().flatMap(({ resource }) => resource.keeps ?? []);
  const merged = (key: keyof Keeps) => [...new Set(all.flatMap((it) => it[key] ?? []))];
  return {
    paths: merged('paths'),
    services: merged('services'),
    packages: merged('packages'),
    sysctls: merged('sysctls'),
  };
}
