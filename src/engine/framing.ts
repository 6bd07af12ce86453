import { randomBytes } from 'node:crypto';
import { atTheEnd, type Command, joinCommands, raw, sh } from '../base/shell.js';
import { BESIDE_FILES, STATE_DIR } from '../render/platform.js';
import type { ProbeOutput } from '../resources/types.js';
import type { RunResult } from '../transport/types.js';

/** A part of a script whose outcome is told apart from the others'. */
export interface Section {
  readonly id: string;
  readonly script: Command;
  /** `stop`: where it fails, nothing after it runs. */
  readonly onFailure: 'continue' | 'stop';
  /** Runs in the shell that those of the others come from, for what it sets; nothing is told of it. */
  readonly shared?: true;
  /** Seconds after which it is ended; none where it must not be, or bounds itself. */
  readonly limit?: number;
}

/** The exit code of a section that was ended at its limit; that of timeout(1) as well. */
export const LATE_EXIT = 124;

export interface SectionOutcome extends ProbeOutput {
  readonly id: string;
}

export interface Outcomes {
  readonly finished: readonly SectionOutcome[];
  /** Begun but not ended: the script was ended in it, so what it did is unknown. */
  readonly unfinished: string | null;
}

/** The process that runs beside the sections; there is one at a time. */
const BESIDE = raw('lbctl_beside');

export function inBackground(script: Command): Command {
  return sh`( ${script} ) & ${BESIDE}=$!`;
}

/** Ends as that did. */
export const AWAITED: Command = sh`wait "$${BESIDE}"`;

/**
 * A part that runs beside the sections after it, up to `awaitsBeside`. What it prints is lost and how it ends is for the
 * script alone: whoever wants to know why it failed runs it again.
 */
export function beginsBeside(script: Command): Section {
  // Whoever is told to end waits for it: it tidies up after a program that no signal to the group reaches, and then ends.
  const begin = sh`(
trap : HUP INT TERM PIPE
${script}
) >/dev/null 2>&1 & ${BESIDE}=$!`;
  return { id: 'begins beside', script: begin, onFailure: 'continue', shared: true };
}

/** Waits for what runs beside; `passed` is run where it succeeded, for the variables that it sets. */
export function awaitsBeside(passed: Command): Section {
  return { id: 'awaits beside', script: sh`! ${AWAITED} || ${passed}`, onFailure: 'continue', shared: true };
}

/** There while a stoppable script runs on the host. Without it the script ends before its next section. */
function goFile(mark: string): string {
  return `/run/lbctl-go.${mark}`;
}

/** For what a stoppable script has asked beside the rest; gone with it, or with the next lock where it was killed. */
export function besideFile(mark: string): string {
  return `${BESIDE_FILES}${mark}`;
}

/** For an interrupt. A script that was only just sent may not have begun; of one that has ended nothing is left. */
export function stopScript(mark: string): Command {
  return sh`i=0
while [ ! -e ${goFile(mark)} ] && [ $i -lt 10 ]; do
  i=$((i + 1))
  sleep 0.1
done
rm -f ${goFile(mark)}`;
}

/** Held by a script that changes something for as long as it runs: see `quietScript`. */
const RUNNING = `${STATE_DIR}/running`;

/** Seconds that a script waits for one before it whose connection was lost. */
const ALONE_PATIENCE = 60;

const quietly = sh`flock -w ${ALONE_PATIENCE} 8 || { echo 'another script of lbctl still runs here' >&2; exit 1; }`;

/** The section that waits for the end of an earlier script on the same host. */
export const ALONE = 'alone';

/** Waits until no script that changes something runs on the host any more: of one whose connection was lost, say. */
export const quietScript: Command = sh`exec 8>>${RUNNING}
${quietly}`;

/** A random word that no output holds by accident. */
export function newMark(): string {
  return randomBytes(9).toString('hex');
}

/**
 * One script out of several sections, each in a shell of its own, with a line before and after each on both
 * streams, so that one round trip brings many answers. All of them count ages from one moment: asked one after the
 * other on a busy host, a file and the process that read it would seem to be of other ages than they are.
 */
export function frame(
  sections: readonly Section[],
  mark: string,
  options: { readonly stoppable?: boolean; readonly alone?: boolean } = {},
): Command {
  const stoppable = options.stoppable === true;
  const stop = stoppable ? sh`[ -e ${goFile(mark)} ] || exit 0` : raw(':');
  const lock = options.alone === true ? sh`exec 8>>${RUNNING}` : raw('');
  const all: readonly Section[] =
    options.alone === true ? [{ id: ALONE, script: quietly, onFailure: 'stop' }, ...sections] : sections;
  return joinCommands([
    sh`m=${mark}
read -r asked_up asked_rest </proc/uptime
asked_now=\${BASH_VERSION:+\${EPOCHREALTIME:-}}
[ -n "$asked_now" ] || asked_now=$(date +%s.%N)
read -r asked_late asked_rest </proc/uptime
case $asked_now in *[!0-9.]*) asked_now=$((\${asked_now%%.*} + 1)) ;; esac
say() { printf '\n%s%s\n' "$m" "$1"; printf '\n%s%s\n' "$m" "$1" >&2; }`,
    stoppable
      ? sh`${atTheEnd(sh`[ -z "\${${BESIDE}:-}" ] || wait "$${BESIDE}"; rm -f ${goFile(mark)} ${besideFile(mark)}`)}
: >${goFile(mark)}`
      : raw(''),
    lock,
    ...(all.some((it) => it.limit !== undefined) ? [BOUND] : []),
    stoppable ? LEAVING : raw(''),
    ...all.map(({ id, script, onFailure, shared, limit }) =>
      shared === true
        ? script
        : sh`${stop}
say ${`+${id}`}
(
${script}
)${raw(id === ALONE ? '' : ' 8>&-')}${
            limit === undefined
              ? raw('\nc=$?')
              : sh` & job=$!
bound ${limit}`
          }${raw(stoppable && onFailure === 'stop' ? '\n[ "$c" = 0 ] || leaving' : '')}
say "-$c"
${raw(onFailure === 'stop' ? '[ "$c" = 0 ] || exit 0' : '')}`,
    ),
  ]);
}

/**
 * Waits for the section `$job`, beside a watcher that looks every second whether it is still needed. At the limit that one
 * ends the section with every process that came from it, the deaf ones by force. timeout(1) would want the script as
 * an argument, where everybody on the host could read it.
 */
const BOUND = sh`lbctl_tree() {
  echo $1
  for p in $(sed -n "s/^\([0-9]*\) (.*) [A-Za-z] $1 .*/\1/p" /proc/[0-9]*/stat); do lbctl_tree $p; done
}
lbctl_watch() {
  n=0
  while [ $n -lt $1 ]; do
    sleep 1 >/dev/null
    kill -0 $job || exit 0
    n=$((n + 1))
  done
  trap '' TERM
  all=$(lbctl_tree $job)
  kill -TERM $all
  for i in 1 2 3 4; do
    sleep 0.5
    kill -0 $all || break
  done
  kill -KILL $all
  exit ${LATE_EXIT}
}
bound() {
  lbctl_watch $1 2>/dev/null 8>&- & dog=$!
  wait $job 2>/dev/null
  c=$?
  { kill $dog; wait $dog; } 2>/dev/null
  if [ $? = ${LATE_EXIT} ]; then c=${LATE_EXIT}; echo "ended after $1 s" >&2; fi
}`;

/** What a section that failed on such a host says last: its own words, `Job for … canceled`, do not tell why. */
export const SHUTTING_DOWN = 'the host is shutting down';

const LEAVING = sh`leaving() {
  [ "$(timeout 3 systemctl is-system-running 2>/dev/null </dev/null)" != stopping ] || echo ${SHUTTING_DOWN} >&2
}`;

export function parseFrame(result: RunResult, mark: string): Outcomes {
  const out = split(result.stdout, mark);
  const errors = split(result.stderr, mark);
  const finished: SectionOutcome[] = [];
  let unfinished: string | null = null;
  out.forEach(({ id, text, exitCode }, index) => {
    if (exitCode === null) unfinished = id;
    else finished.push({ id, stdout: text, stderr: errors[index]?.text ?? '', exitCode });
  });
  return { finished, unfinished };
}

interface Piece {
  readonly id: string;
  readonly text: string;
  readonly exitCode: number | null;
}

function split(stream: string, mark: string): Piece[] {
  return stream
    .split(`\n${mark}+`)
    .slice(1)
    .map((piece) => {
      const line = piece.indexOf('\n');
      const id = line < 0 ? piece : piece.slice(0, line);
      const rest = line < 0 ? '' : piece.slice(line + 1);
      const end = rest.lastIndexOf(`\n${mark}-`);
      if (end < 0) {
        // A section that printed nothing: its closing line follows the opening one at once.
        const closed = rest.startsWith(`${mark}-`);
        return {
          id,
          text: closed ? '' : rest,
          exitCode: closed ? exitCodeIn(rest.slice(mark.length + 1)) : null,
        };
      }
      return { id, text: rest.slice(0, end), exitCode: exitCodeIn(rest.slice(end + mark.length + 2)) };
    });
}

/** null where the closing line was cut short: the section may have ended, but nobody knows how. */
function exitCodeIn(text: string): number | null {
  const code = /^(\d+)\n/.exec(text)?.[1];
  return code === undefined ? null : Number(code);
}
