import { randomBytes } from 'node:crypto';
import { quote } from '../base/shell.js';

/** Seconds between TERM and KILL for a script that is past its limit. */
export const KILL_AFTER = 5;

/*
 * The login shell sees one short command line, the same for every script; all else comes on standard input, so that
 * nothing secret stands in an argument list or an environment, and no login shell takes part in parsing it. Its texts
 * are words in single quotes for bash, dash, fish and tcsh alike, hence: no single quote, backslash, exclamation mark or
 * line break in them.
 *
 * It runs one script after the other, each in a shell of its own: to open a channel for each would cost two round trips.
 * The first line on standard input is a script's time limit. One that did not come to its end ends this shell as well,
 * whose exit status then tells why.
 */
const LAUNCH = `while read -r l;do case $l in none)/bin/sh -c "$0";;*)timeout -k ${KILL_AFTER} "$l" /bin/sh -c "$0";;esac||exit $?;done;exit 125`;

/*
 * The second line is a length. LC_ALL=C makes ${#s} count bytes (and the messages that scripts read English). What
 * does not arrive whole is not run at all.
 */
const RECEIVE = 'export LC_ALL=C;read -r n;s=$(head -c "$n");[ "${#s}" = "$n" ]||exit 125;eval "$s"';

/** How sudo is called: see `SudoWay`. The texts are letters, digits, colons and dashes. */
export interface SudoCall {
  readonly asks: 'never' | 'perhaps';
  readonly tty: boolean;
  readonly prompt: string;
  readonly ready: string;
}

/*
 * For a sudo that wants a terminal (requiretty): script(1) gives it one, and nothing else. The three streams go past
 * it, so that nothing is echoed, changed or mixed.
 */
const ON_TERMINAL =
  'command -v script >/dev/null||{ echo "script: command not found" >&2;exit 127;};export L="$1" R="$2" SHELL=/bin/sh;exec 3<&0 4>&1 5>&2;exec script -qec "$3" /dev/null </dev/null >/dev/null 2>&1';

/** What the login shell is asked to run. `become` is false for root. */
export function remoteCommand(options: { readonly become: boolean; readonly sudo?: SudoCall }): string {
  const { become, sudo } = options;
  if (!become) return `exec /bin/sh -c '${LAUNCH}' '${RECEIVE}'`;
  // The limit is inside of sudo: as another user timeout(1) could not end root's processes.
  // -k: as if nobody had been asked lately, so that sudo asks now or lets us in without.
  // LC_ALL=C: what sudo says is read here, and not in every language.
  const call = `env LC_ALL=C sudo ${sudo?.asks === 'perhaps' ? `-k -S -p ${sudo.prompt}` : '-n'} --`;
  const launch = sudo?.asks === 'perhaps' ? `echo ${sudo.ready};${LAUNCH}` : LAUNCH;
  if (!sudo?.tty) return `exec ${call} /bin/sh -c '${launch}' '${RECEIVE}'`;
  const inner = `exec ${call} /bin/sh -c "$L" "$R" <&3 >&4 2>&5`;
  return `exec /bin/sh -c '${ON_TERMINAL}' lbctl '${launch}' '${RECEIVE}' '${inner}'`;
}

/** A mark that no output holds by accident. */
export function newMark(): string {
  return randomBytes(12).toString('hex');
}

/**
 * What goes to the remote command's standard input, which has to stay open while a script with a limit runs:
 * its end is how the host learns that nobody waits any more. The next may follow when both closing marks have come.
 */
export function remoteInput(mark: string, script: string, limit: number | 'none'): Buffer {
  const body = Buffer.from(limit === 'none' ? unlimited(mark, script) : limited(mark, script));
  return Buffer.concat([Buffer.from(`${limit}\n${body.length}\n`), body]);
}

/** In braces, so that the shell parses the whole script before it runs any of it. */
function start(script: string): string {
  return `script=${quote(`{ :\n${script}\n}`)}
cd /
umask 022
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"`;
}

const begin = (mark: string) => `echo "lbctl-begin ${mark}"; echo "lbctl-begin ${mark}" >&2`;
const end = (mark: string) => `echo "lbctl-end ${mark} $status"; echo "lbctl-end ${mark} $status" >&2`;

/*
 * Under timeout(1), which makes a process group of us: the script in the background, beside it a watcher that
 * ends the group when standard input ends, that is when the connection is lost or the client gave up. This
 * shell outlives TERM, so that timeout's KILL still comes for what ignored the TERM. A script that was ended
 * so gets no closing mark: that is how its own `exit 124` is told from a time-out. The watcher is gone before the
 * closing marks: what comes on standard input after them is not its to read.
 */
function limited(mark: string, script: string): string {
  return `${start(script)}
exec 3<&0 </dev/null
${begin(mark)}
late=
trap late=1 TERM
( exec 3<&-; trap 'exit 143' TERM; eval "$script" ) & job=$!
( trap - TERM; read -r x <&3; kill 0 ) >/dev/null 2>&1 & watcher=$!
exec 3<&-
wait $job; status=$?
while [ "$late" ]; do kill -0 $job || break; wait $job; done 2>/dev/null
[ "$late" ] && exit 1
# Just after its start a shell may lose any other signal.
{ kill -KILL $watcher; wait $watcher; } 2>/dev/null
${end(mark)}
exit 0`;
}

/*
 * Without a limit nothing may end the script, not even the loss of the connection: what it prints goes
 * through tee(1), which reads on when nobody takes the output any more; writing to a closed pipe would kill it. Without a
 * tee that does, this shell ends: its closing marks would be waited for in vain.
 */
function unlimited(mark: string, script: string): string {
  return `${start(script)}
exec </dev/null
pass() { tee -p /dev/null; }
# busybox knows no -p.
tee -p /dev/null >/dev/null 2>&1 || pass() { ( trap '' PIPE; exec tee /dev/null ); }
{ {
  { ${begin(mark)}; ( exec 4>&- 5>&-; eval "$script" ); status=$?; ${end(mark)}; } 2>&4 | pass; [ $? = 0 ] || kill $$
} 4>&1 >&5 | pass >&2; } 5>&1
# No || behind the braces: what stands before one runs without its set -e.
[ $? = 0 ] || exit 125
exit 0`;
}
