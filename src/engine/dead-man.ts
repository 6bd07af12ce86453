import { type Command, raw, sh } from '../base/shell.js';

/** The exit code of `disarmScript` where the host has already begun to undo by itself. */
export const UNDONE_EXIT = 76;

export interface Arming {
  /** Letters, digits and dashes; one switch of a name exists at a time. */
  readonly name: string;
  /** Until the host undoes by itself. */
  readonly seconds: number;
  /** What the host runs then, from what is on it alone. It may run while nobody is connected. */
  readonly undo: Command;
  /** Evaluated before the undoing, every second: while it succeeds the undoing waits. */
  readonly unless?: Command;
}

const FOLDER = '/run/lbctl';

function fileOf(name: string): string {
  if (!/^[A-Za-z0-9-]+$/.test(name)) throw new Error(`no name for a switch: ${name}`);
  return `${FOLDER}/undo-${name}`;
}

/** The transient units of a switch: a timer and the service that it starts. */
export function undoUnit(name: string): string {
  return `lbctl-undo-${name}`;
}

/**
 * The dead man's switch: unless it is disarmed in time the host runs `undo` by itself, whatever became of the
 * connection. A transient systemd timer; nothing of it outlives a reboot. Disarming and undoing contend for one file,
 * which one of them renames first: never both.
 */
export function armScript({ name, seconds, undo, unless }: Arming): Command {
  const file = fileOf(name);
  const unit = undoUnit(name);
  const waits =
    unless === undefined
      ? raw('')
      : sh`while [ -e ${file} ] && ( ${unless} ) >/dev/null 2>&1; do sleep 1; done`;
  const script = sh`#!/bin/sh
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /
${waits}
mv ${file} ${`${file}.running`} 2>/dev/null || exit 0
trap 'rm -f ${raw(`${file}.running`)}; rmdir ${raw(FOLDER)} 2>/dev/null' EXIT
( ${undo}
)
`;
  // Ended in the middle it leaves no file that no timer looks at.
  return sh`set -e
(
umask 077
armed=
trap 'trap "" HUP INT TERM; [ -n "$armed" ] || rm -f ${raw(`${file} ${file}.new`)}' EXIT
trap 'exit 143' HUP INT TERM
mkdir -p ${FOLDER} || exit 1
systemctl stop ${`${unit}.timer`} 2>/dev/null || :
systemctl reset-failed ${`${unit}.timer`} ${`${unit}.service`} 2>/dev/null || :
printf %s ${script.text} >${`${file}.new`} && mv -f ${`${file}.new`} ${file} || exit 1
systemd-run -q --collect --unit=${unit} --on-active=${seconds} --timer-property=AccuracySec=100ms /bin/sh ${file} </dev/null || exit 1
armed=yes
) || exit $?`;
}

/**
 * All is well: nothing is undone and nothing is left. Exits with UNDONE_EXIT where it is too late for that.
 * @param undone succeeds where the host has undone it; with it the script may be run twice, over a connection that was
 * lost meanwhile
 */
export function disarmScript(name: string, undone: Command = sh`true`): Command {
  const file = fileOf(name);
  const unit = undoUnit(name);
  return sh`if [ ! -e ${file} ]; then
  [ ! -e ${`${file}.running`} ] || { echo 'the host is undoing it by itself now' >&2; exit ${UNDONE_EXIT}; }
  ! ( ${undone} ) || exit ${UNDONE_EXIT}
  exit 0
fi
mv ${file} ${`${file}.off`} || exit ${UNDONE_EXIT}
systemctl stop ${`${unit}.timer`} ${`${unit}.service`} 2>/dev/null
rm -f ${`${file}.off`}
rmdir ${FOLDER} 2>/dev/null
exit 0`;
}
