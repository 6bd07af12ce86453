import { atTheEnd, type Command, raw, sh } from '../base/shell.js';

/** The exit code of `disarmScript` where the host has already begun to undo by itself. */
export const UNDONE_EXIT = 76;

export interface Arming {
  /** Letters, digits and dashes; one switch of a name exists at a time. */
  readonly name: string;
  /** The token of the lock that it is armed under: nobody else disarms it. */
  readonly owner: string;
  /** Until the host undoes by itself. */
  readonly seconds: number;
  /** What the host runs then, from what is on it alone. It may run while nobody is connected. */
  readonly undo: Command;
  /** Evaluated before the undoing, every second: while it succeeds the undoing waits. */
  readonly unless?: Command;
}

const FOLDER = '/run/lbctl';

function word(text: string, what: string): string {
  if (!/^[A-Za-z0-9-]+$/.test(text)) throw new Error(`no ${what} for a switch: ${text}`);
  return text;
}

function fileOf(name: string): string {
  return `${FOLDER}/undo-${word(name, 'name')}`;
}

/** The transient units of a switch: a timer and the service that it starts. */
export function undoUnit(name: string): string {
  return `lbctl-undo-${name}`;
}

/** `owner FILE`: the token that a switch was armed under. */
const OWNER = sh`owner() { sed -n 's/^# owner=//p' "$1" 2>/dev/null; }`;

/**
 * The dead man's switch: unless it is disarmed in time the host runs `undo` by itself, whatever became of the
 * connection. A transient systemd timer; nothing of it outlives a reboot. Disarming and undoing contend for one file,
 * which one of them renames first: never both.
 *
 * The timer is there before the file, so that a script which is killed in between leaves nothing that no timer looks at;
 * where the file never came the timer tidies up and that is all. A switch that was armed before is over: this run has
 * the lock now.
 */
export function armScript({ name, owner, seconds, undo, unless }: Arming): Command {
  const file = fileOf(name);
  const [fresh, running, off] = [`${file}.new`, `${file}.running`, `${file}.off`];
  const unit = undoUnit(name);
  const waits =
    unless === undefined
      ? raw('')
      : sh`while [ -e ${file} ] && ( ${unless} ) >/dev/null 2>&1; do sleep 1; done`;
  const script = sh`#!/bin/sh
# owner=${raw(word(owner, 'owner'))}
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /
${waits}
mv ${file} ${running} 2>/dev/null || exit 0
${atTheEnd(sh`rm -f ${running}; rmdir ${FOLDER} 2>/dev/null`)}
( ${undo}
)
`;
  const begin = sh`rm -f ${fresh} ${off}; [ -e ${file} ] || exit 0; exec sh ${file}`;
  const run = sh`systemd-run -q --collect --unit=${unit} --on-active=${seconds} --timer-property=AccuracySec=100ms /bin/sh -c ${begin.text} </dev/null`;
  return sh`set -e
(
umask 077
armed=
${atTheEnd(sh`[ -n "$armed" ] || { rm -f ${file} ${fresh}; systemctl stop ${`${unit}.timer`}; } 2>/dev/null`)}
[ -d ${FOLDER} ] || mkdir -p ${FOLDER} || exit 1
[ ! -e ${file} ] || rm -f ${file}
# Whoever renames the file first has it: the old one may be at work already.
if [ -e ${running} ] && systemctl is-active -q ${`${unit}.service`}; then
  armed=not
  echo 'the host is undoing an earlier change by itself' >&2
  exit 1
fi
[ ! -e ${running} ] || rm -f ${running}
# One of that name is left only where somebody was killed.
${run} 2>/dev/null || {
  systemctl stop ${`${unit}.timer`} ${`${unit}.service`} 2>/dev/null || :
  systemctl reset-failed ${`${unit}.timer`} ${`${unit}.service`} 2>/dev/null || :
  ${run} || exit 1
}
printf %s ${script.text} >${fresh} && mv -f ${fresh} ${file} || exit 1
armed=yes
) || exit $?`;
}

/** Succeeds while a switch of that owner is armed: the host has neither undone it nor been started anew since. */
export function armedScript({ name, owner }: Pick<Arming, 'name' | 'owner'>): Command {
  const line = `# owner=${word(owner, 'owner')}`;
  return sh`{ IFS= read -r line && IFS= read -r line && [ "$line" = ${line} ]; } 2>/dev/null <${fileOf(name)}`;
}

export interface Disarming extends Pick<Arming, 'name' | 'owner'> {
  /** Succeeds where the host has undone it: with it the script may be run twice, over a connection that was lost. */
  readonly undone?: Command;
  /** Exits where nobody else can have taken the switch away but whoever has the lock now. */
  readonly lost?: Command;
}

/**
 * All is well: nothing is undone and nothing is left. Exits with UNDONE_EXIT where it is too late for that. A switch
 * that somebody else has armed since is left alone.
 */
export function disarmScript({ name, owner, undone = sh`true`, lost = sh`:` }: Disarming): Command {
  const file = fileOf(name);
  const unit = undoUnit(name);
  return sh`${OWNER}
if [ "$(owner ${file})" != ${owner} ]; then
  [ "$(owner ${`${file}.running`})" != ${owner} ] || { echo 'the host is undoing it by itself now' >&2; exit ${UNDONE_EXIT}; }
  ! ( ${undone} ) || exit ${UNDONE_EXIT}
  ${lost}
  exit 0
fi
# Nobody may end it half way: no timer would look at what is left.
trap '' HUP INT TERM PIPE
mv ${file} ${`${file}.off`} || exit ${UNDONE_EXIT}
systemctl stop ${`${unit}.timer`} ${`${unit}.service`} 2>/dev/null
rm -f ${`${file}.off`}
rmdir ${FOLDER} 2>/dev/null
exit 0`;
}

/** Removes what a switch has left that no timer and no service looks at any more: it was killed, or the one who armed it. */
export const TIDY_SWITCHES: Command = sh`for f in ${raw(`${FOLDER}/undo-*`)}; do
  [ -e "$f" ] || continue
  unit=\${f#${raw(`${FOLDER}/undo-`)}}
  unit=lbctl-undo-\${unit%%.*}
  systemctl is-active -q "$unit.timer" "$unit.service" || rm -f "$f"
done`;
